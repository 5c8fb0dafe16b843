"""``warpmix compare``: runs side by side, and which of their differences are real."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from warpmix._files import atomic_write, make_folder
from warpmix.cli._app import console
from warpmix.cli._runs import REPEATS, Run, by_setting, differing, find_runs, in_words
from warpmix.cli.tables import write_csv

if TYPE_CHECKING:
    import numpy as np

    from warpmix.predictions import PredictionStack
    from warpmix.statistics import Comparison

_SHOWN = 40  # of more rows the files tell
_FIELDS = (
    "a", "b", "n_a", "n_b", "mean_a", "mean_b", "difference", "low", "high", "p", "p_corrected",
    "significant", "method",
)  # fmt: skip


def compare(
    runs: Annotated[list[Path], typer.Argument(help="Run folders, or folders of runs.")],
    baseline: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Run to compare with (default: the best)."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for runs.csv, comparisons.csv and compare.md."),
    ] = None,
) -> None:
    """Show runs side by side, and which of their differences are real.

    Runs that differ in nothing but seed or fold are repeats. Two settings with repeats are
    compared by a t test: paired where they have the same seeds, else Welch's. Single runs are
    compared over the test images that both predicted: McNemar's exact test, and a paired bootstrap
    of the difference. That tells two trained models apart, not two settings. All p values are
    corrected for the number of comparisons (Holm).

    [bold]Examples[/bold]

    $ warpmix compare runs/cifar10-vgg3-seed0 runs/cifar10-cnn3-seed0
    $ warpmix compare runs/ --out comparison
    $ warpmix compare runs/* --baseline runs/cifar10-vgg3-seed0
    """
    with console.status("starting torch"):  # some seconds
        import warpmix.statistics  # noqa: F401
    found = find_runs(runs)
    correct, why_not = _correct(found)
    # A run without a validation accuracy comes last.
    found.sort(key=lambda run: -1.0 if run.validation is None else run.validation, reverse=True)
    header, rows = _rows(found, correct)
    _show_runs(header, rows)
    reference = None if baseline is None else _named(found, baseline)

    tested = {} if why_not else correct
    settings = _compare_settings(found, tested, reference)
    single = _compare_models(found, tested, reference)
    what = "test" if len(tested) == len(found) else "validation"
    titles = {
        f"settings by the {what} accuracy of their repeats, against {{b}}": settings,
        "trained models over the same test images, against {b}": single,
    }
    tables = {
        title.format(b=f"{c[0].b} ({c[0].mean_b:.2%})"): c for title, c in titles.items() if c
    }
    for title, comparisons in tables.items():
        _show_comparisons(title, comparisons)
    if why_not:
        console.print(f"test images are not compared: {why_not}", style="yellow")
    if out is not None:
        _write(out, header, rows, tables)


def _correct(runs: Sequence[Run]) -> tuple[dict[str, np.ndarray], str]:
    """Return which test images each run gets right, and why these are not the same ones, if so."""
    from warpmix.predictions import load_many

    files = {run.name: run.predictions for run in runs if run.predictions is not None}
    why_not = f"{len(files)} of {len(runs)} runs have predictions for them"
    if len(files) > 1:
        try:
            return _right(files, load_many(files.values(), "test")), ""
        except ValueError as error:
            why_not = str(error)
    alone = [_right({name: path}, load_many([path], "test")) for name, path in files.items()]
    return {name: row for each in alone for name, row in each.items()}, why_not


def _right(names: Iterable[str], stack: PredictionStack) -> dict[str, np.ndarray]:
    assert stack.labels is not None  # runs store no predictions of images without labels
    correct = stack.predictions.argmax(dim=2) == stack.labels
    return dict(zip(names, correct.numpy(), strict=True))


def _named(runs: Sequence[Run], baseline: str) -> Run:
    for run in runs:
        if baseline == run.name or Path(baseline).resolve() == run.folder.resolve():
            return run
    raise ValueError(f"baseline must be one of {', '.join(r.name for r in runs)}, got {baseline!r}")


def _compare_settings(
    runs: Sequence[Run], correct: dict[str, np.ndarray], reference: Run | None
) -> list[Comparison]:
    """Compare settings by their repeats' test accuracy, or validation accuracy where a run has no
    other; nothing where no setting has repeats."""
    from warpmix.statistics import compare_settings

    groups = by_setting(runs)
    if len(groups) < 2 or len(groups) == len(runs):
        return []
    values: dict[str, Sequence[float] | dict[tuple[int, int], float]] = {}
    for label, members in groups.items():
        accuracy = [
            float(correct[run.name].mean()) if len(correct) == len(runs) else run.validation
            for run in members
        ]
        known = [value for value in accuracy if value is not None]
        if len(known) < len(members):
            return []
        repeats = [tuple(run.settings[key] for key in REPEATS) for run in members]
        values[label] = dict(zip(repeats, known, strict=True))
        if len(set(repeats)) < len(repeats):  # trained again with one seed: nothing to pair by
            values[label] = known
    chosen = next((label for label, members in groups.items() if reference in members), None)
    return compare_settings(values, reference=chosen)


def _compare_models(
    runs: Sequence[Run], correct: dict[str, np.ndarray], reference: Run | None
) -> list[Comparison]:
    """Compare trained models with the reference, or with the one of the best validation accuracy,
    which the test images had no part in choosing."""
    from warpmix.statistics import compare_runs

    tested = [run for run in runs if run.name in correct]
    if reference is not None and reference not in tested:
        return []
    if reference is None and tested and tested[0].validation is not None:
        reference = tested[0]
    return compare_runs(
        {run.name: correct[run.name] for run in tested},
        reference=None if reference is None else reference.name,
    )


# ---- tables -------------------------------------------------------------------------------------


def _rows(
    runs: Sequence[Run], correct: dict[str, np.ndarray]
) -> tuple[list[str], list[list[object]]]:
    """Return the runs' table: what differs, then the figures, None where there is none."""
    keys = differing(runs)
    header = ["run", *keys, "validation_accuracy", "test_accuracy", "epochs", "seconds"]
    words = [in_words(runs, key) for key in keys]
    rows: list[list[object]] = []
    for i, run in enumerate(runs):
        tested = float(correct[run.name].mean()) if run.name in correct else None
        values = [column[i] for column in words]
        rows.append([run.name, *values, run.validation, tested, run.epochs, run.seconds])
    return header, rows


def _show_runs(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(
        title=f"{len(rows)} runs, the best validation accuracy first", title_justify="left"
    )
    for number, name in enumerate(header):
        is_figure = number >= len(header) - 4
        table.add_column(name.replace("_accuracy", ""), justify="right" if is_figure else "left")
    for row in rows[:_SHOWN]:
        table.add_row(*_cells(row))
    console.print(table)
    if len(rows) > _SHOWN:
        console.print(f"and {len(rows) - _SHOWN} more: --out writes all")


def _cells(row: Sequence[object]) -> list[str]:
    """Return a row of :func:`_rows` as text."""
    *words, validation, test, epochs, seconds = row
    accuracies = ["–" if a is None else f"{a:.2%}" for a in (validation, test)]
    return [*map(str, words), *accuracies, str(epochs), f"{seconds:.1f}"]


def _show_comparisons(title: str, comparisons: Sequence[Comparison]) -> None:
    table = Table(title=title, title_justify="left", box=None, header_style="bold")
    for number, heading in enumerate(_HEADINGS):
        table.add_column(heading, justify="right" if number else "left", overflow="fold")
    for comparison in comparisons[:_SHOWN]:
        table.add_row(*_in_words(comparison))
    console.print(table)
    if len(comparisons) > _SHOWN:
        console.print(f"and {len(comparisons) - _SHOWN} more: --out writes all")


_HEADINGS = ("", "n", "accuracy", "difference, 95 % interval", "p (Holm)", "real?")


def _in_words(c: Comparison) -> list[str]:
    """Return a comparison's row, in per cent and points."""
    row = [c.a, str(c.n_a), f"{c.mean_a:.2%}"]
    difference = f"{100 * c.difference:+.2f}"
    if c.p_corrected is None or c.low is None or c.high is None:
        return [*row, difference, "–", c.method]
    interval = f"({100 * c.low:+.2f} to {100 * c.high:+.2f})"
    p = "< 0.0001" if c.p_corrected < 1e-4 else f"{c.p_corrected:.4f}"
    return [*row, f"{difference} {interval}", p, "yes" if c.significant else "not shown"]


def _write(
    folder: Path,
    header: Sequence[str],
    rows: Sequence[Sequence[object]],
    tables: dict[str, list[Comparison]],
) -> None:
    make_folder(folder)
    write_csv(folder / "runs.csv", header, rows)
    write_csv(
        folder / "comparisons.csv",
        ["table", *_FIELDS],
        (
            [title, *(getattr(comparison, field) for field in _FIELDS)]
            for title, comparisons in tables.items()
            for comparison in comparisons
        ),
    )
    parts = [_markdown("Runs", header, [_cells(row) for row in rows])]
    parts += [_markdown(title, _HEADINGS, map(_in_words, c)) for title, c in tables.items()]
    with atomic_write(folder / "compare.md") as temporary:
        temporary.write_text("\n".join(parts), "utf-8")
    console.print(f"comparison: {folder}")


def _markdown(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"## {title[0].upper()}{title[1:]}", "", f"| {' | '.join(header)} |"]
    lines += [f"|{'---|' * len(header)}"]
    lines += [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"
