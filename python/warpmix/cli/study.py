"""``warpmix study``: many runs from one recipe, and a report of what they came to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from warpmix.cli._app import console, group

if TYPE_CHECKING:
    from warpmix.study.executors import Executor
    from warpmix.study.plan import Plan
    from warpmix.study.results import RunResult

study = group(
    "study",
    "Run a study, many runs from one recipe, and write its report.",
    "run digits-study",
)

Source = Annotated[str, typer.Argument(help="A packaged study's name, or a YAML file.")]
Quick = Annotated[
    bool, typer.Option("--quick", help="A small form; on digits where its data are missing.")
]
Digits = Annotated[bool, typer.Option("--digits", help="The form that needs no data set.")]
Root = Annotated[
    Path | None,
    typer.Option(help="Folder of the data sets (default WARPMIX_DATA, or ~/.cache/warpmix)."),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting of the study's base; repeatable."),
]
Repeats = Annotated[int | None, typer.Option(min=1, help="Runs of each combination.")]
Sweeps = Annotated[
    list[str] | None,
    typer.Option(
        "--sweep", metavar="NAME", help="This sweep, and those it starts from; repeatable."
    ),
]
All = Annotated[bool, typer.Option("--all", help="The optional sweeps, too.")]
Out = Annotated[Path | None, typer.Option(help="Study folder (default studies/NAME[-FORM]).")]
StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="Folder of a study.")]


@study.command("list")
def list_studies() -> None:
    """List the packaged studies.

    [bold]Example[/bold]

    $ warpmix study list
    """
    from warpmix.study.source import names, read_source

    table = Table("name", "title", "authors", "sweeps")
    for name in names():
        document = read_source(name).document
        authors = f"{document.get('authors', '')} {document.get('year', '')}".strip()
        table.add_row(name, document["title"], authors, str(len(document["sweeps"])))
    console.print(table)


def _choose(
    source: str,
    quick: bool,
    digits: bool,
    root: Path | None,
    settings: list[str] | None,
    repeats: int | None,
    out: Path | None,
    sweeps: list[str] | None,
    every: bool,
    need_data: bool = True,
) -> tuple[Plan, Path]:
    """Return the plan that the flags ask for, and the study's folder; say which form it is."""
    from warpmix.study.load import choose_study, parse_settings
    from warpmix.study.plan import Plan

    chosen, missing = choose_study(
        source,
        quick=quick,
        digits=digits,
        root=root,
        settings=parse_settings(settings or []),
        repeats=repeats,
        need_data=need_data,
    )
    for sentence in missing:
        console.print(sentence, style="yellow")
    if missing and chosen.form == "digits":
        console.print("so the form on digits is run instead", style="yellow")
    plan = Plan(chosen, list(chosen.recipe.sweeps) if every else sweeps)
    return plan, out or Path("studies") / chosen.folder_name


def _print_failed(run: RunResult, what: str) -> None:
    """Print one line: which run has failed, and the last line of its traceback."""
    last = (run.error or "").strip().rpartition("\n")[2]
    console.print(f"{what}: {last}", style="red")


@study.command()
def show(
    source: Source,
    quick: Quick = False,
    digits: Digits = False,
    root: Root = None,
    settings: Set = None,
    repeats: Repeats = None,
    sweep: Sweeps = None,
    every: All = False,
    out: Out = None,
    probe: Annotated[
        bool, typer.Option(help="Measure a few steps of each network to estimate the time.")
    ] = True,
) -> None:
    """Show the plan of a study: its sweeps, its runs, what is done, and about how long it takes.

    [bold]Examples[/bold]

    $ warpmix study show digits-study
    $ warpmix study show warsaw-cifar10 --quick --no-probe
    """
    from warpmix.study.folder import planned_results
    from warpmix.study.live import status_table

    plan, folder = _choose(
        source, quick, digits, root, settings, repeats, out, sweep, every, need_data=False
    )
    runs = planned_results(plan, folder)
    recipe = plan.study.recipe
    for name, each in plan.sweeps.items():
        count = sum(run.sweep == name for run in runs)
        axes = [*(["choice"] if each.choices else []), *each.grid]
        start = f", from the best of {', '.join(each.start_from)}" if each.start_from else ""
        line = f"{name}: {count} runs over {', '.join(axes) or 'repeats'}{start}"
        console.print(line, highlight=False)
    console.print(status_table(recipe, runs))
    console.print(f"{len(runs)} runs in {folder}", highlight=False)
    left = sum(run.status not in ("done", "failed") for run in runs)
    if probe and left:
        from warpmix.study.machine import choose_workers, core_count
        from warpmix.study.probe import estimate

        workers = choose_workers(str(recipe.base.get("device", "auto")))
        with console.status("measuring a few steps of each network"):
            found = estimate(plan, runs, workers, max(1, core_count() // workers))
        console.print(found.in_words(workers), highlight=False)


@study.command()
def run(
    source: Source,
    quick: Quick = False,
    digits: Digits = False,
    root: Root = None,
    settings: Set = None,
    repeats: Repeats = None,
    sweep: Sweeps = None,
    every: All = False,
    out: Out = None,
    workers: Annotated[
        str, typer.Option(metavar="N|auto", help="Runs at once; auto: by cores and memory.")
    ] = "auto",
    executor: Annotated[
        Literal["local", "ray"], typer.Option(help="Processes of this machine, or a Ray cluster.")
    ] = "local",
    address: Annotated[
        str | None, typer.Option(help="Of a Ray cluster (default: a local one is started).")
    ] = None,
    gpus_per_run: Annotated[
        float, typer.Option(min=0, help="With ray: share of a GPU that a run gets.")
    ] = 0.0,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try the runs again that have failed.")
    ] = False,
    report: Annotated[bool, typer.Option(help="Write the report at the end.")] = True,
) -> None:
    """Run a study; stopped or killed, the same command goes on where it was.

    [bold]Examples[/bold]

    $ warpmix study run digits-study
    $ warpmix study run warsaw-cifar10 --quick --root data
    $ warpmix study run my-study.yaml --set epochs=5 --repeats 3 --workers 4
    """
    plan, folder = _choose(source, quick, digits, root, settings, repeats, out, sweep, every)
    if workers != "auto" and not (workers.isdecimal() and int(workers) > 0):
        raise ValueError(f"--workers must be a number from 1, or auto, got {workers!r}")
    with console.status("starting torch"):
        from warpmix.study.live import LiveStatus
        from warpmix.study.machine import choose_workers, core_count
        from warpmix.study.runner import Runner
    device = str(plan.study.recipe.base.get("device", "auto"))
    count = choose_workers(device) if workers == "auto" else int(workers)
    chosen: Executor
    if executor == "ray":
        from warpmix.study.ray_executor import RayExecutor

        chosen = RayExecutor(folder, None if workers == "auto" else count, gpus_per_run, address)
    else:
        from warpmix.study.executors import LocalExecutor

        chosen = LocalExecutor(folder, count, max(1, core_count() // count))
    console.print(f"study: {folder}, {chosen.workers} runs at once", highlight=False)
    try:
        with LiveStatus(console, plan.study.recipe) as live:
            runner = Runner(plan, folder, retry_failed=retry_failed, on_change=live.update)
            results = runner.run(chosen)
    except KeyboardInterrupt:
        console.print("stopped; the same command goes on from here", style="yellow")
        raise typer.Exit(130) from None
    failed = [each for each in results if each.status == "failed"]
    for each in failed[:5]:
        _print_failed(each, f"failed: {each.sweep} {each.series} {dict(each.values)}")
    console.print(f"{len(results) - len(failed)} runs done, {len(failed)} failed", highlight=False)
    if report:
        _write_report(folder, folder / "report")


@study.command()
def status(folder: StudyFolder) -> None:
    """Show how far a study is.

    [bold]Example[/bold]

    $ warpmix study status studies/digits-study
    """
    from warpmix.study.collect import load_results
    from warpmix.study.live import status_table

    results = load_results(folder)
    console.print(status_table(results.recipe, results.runs))
    for each in results.runs:
        if each.status == "failed":
            _print_failed(each, str(each.folder))


@study.command()
def report(
    folder: StudyFolder,
    out: Annotated[Path | None, typer.Option(help="Folder (default STUDY/report).")] = None,
) -> None:
    """Write the report of a study, finished or not.

    [bold]Example[/bold]

    $ warpmix study report studies/digits-study
    """
    _write_report(folder, out or folder / "report")


def _write_report(folder: Path, out: Path) -> None:
    from warpmix.study.collect import load_results
    from warpmix.study.report import write_report

    with console.status("writing the report"):
        page = write_report(load_results(folder), out)
    console.print(f"report: {page}", highlight=False)
