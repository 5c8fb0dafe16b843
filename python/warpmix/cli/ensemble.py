"""``warpmix ensemble select``, ``stack`` and ``export``: ensembles made of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from warpmix.cli._app import console
from warpmix.cli._flags import reading_flags
from warpmix.cli._selection import Selection, gather
from warpmix.cli.tables import show_calibration, show_results

if TYPE_CHECKING:
    from warpmix.ensemble import Ensemble

Store = Annotated[Path, typer.Argument(metavar="STORE", help="Folder of the store.")]
Members = Annotated[
    list[Path],
    typer.Argument(help="A store; or run folders, folders of them, files of predictions."),
]
FitOn = Annotated[str, typer.Option("--rank-on", metavar="SPLIT", help="Split to fit on.")]
ScoreOn = Annotated[str, typer.Option(metavar="SPLIT", help="Split to score on.")]
Device = Annotated[str | None, typer.Option(metavar="cpu|cuda", help="Where to count.")]
Size = Annotated[int, typer.Option(min=1, help="Greedy steps: how often a model is added.")]
Metric = Annotated[
    Literal["accuracy", "log_loss"], typer.Option(help="What greedy selection improves.")
]
Initial = Annotated[int, typer.Option(min=0, help="Best single models that join first.")]
Bags = Annotated[int, typer.Option(min=1, help="Selections from random halves, averaged.")]
Features = Annotated[
    Literal["probabilities", "log_probabilities", "labels"],
    typer.Option(help="What stacking sees of each model."),
]
Penalty = Annotated[float, typer.Option("--C", help="Inverse strength of stacking's L2 penalty.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of bags and bootstrap.")]


@reading_flags
def select(
    paths: Members,
    size: Size = 50,
    metric: Metric = "accuracy",
    initial: Initial = 0,
    bags: Bags = 1,
    rank_on: FitOn = "val",
    score_on: ScoreOn = "test",
    seed: Seed = 0,
    device: Device = None,
    **reading: Any,
) -> None:
    """Select an ensemble greedily, with replacement (Caruana et al., 2004).

    [bold]Examples[/bold]

    $ warpmix ensemble select STORE --size 50 --metric log_loss
    $ warpmix ensemble select runs/* --bags 20 --initial 5
    """
    options = {"size": size, "metric": metric, "initial": initial, "bags": bags, "seed": seed}
    chosen, names = _fit(gather(paths, rank_on, score_on, reading), "greedy", options, device, seed)
    _show_weights(chosen, names)


@reading_flags
def stack(
    paths: Members,
    features: Features = "probabilities",
    penalty: Penalty = 1.0,
    rank_on: FitOn = "val",
    score_on: ScoreOn = "test",
    seed: Seed = 0,
    device: Device = None,
    **reading: Any,
) -> None:
    """Fit a logistic regression over the models' predictions.

    [bold]Examples[/bold]

    $ warpmix ensemble stack STORE --features labels
    """
    options = {"features": features, "C": penalty}
    _fit(gather(paths, rank_on, score_on, reading), "stack", options, device, seed)


@reading_flags
def export(
    paths: Members,
    out: Annotated[Path, typer.Option(help="Folder of the bundle, new or empty.")],
    method: Annotated[
        Literal["soft", "hard", "geometric", "rank", "weighted", "greedy", "stack"],
        typer.Option(help="How its members decide."),
    ] = "greedy",
    top: Annotated[float, typer.Option(help="Percentage of the best models to take.")] = 100.0,
    runs: Annotated[
        list[Path] | None,
        typer.Option(help="Folders of runs, for models whose store does not say where they are."),
    ] = None,
    size: Size = 50,
    metric: Metric = "accuracy",
    initial: Initial = 0,
    bags: Bags = 1,
    features: Features = "probabilities",
    penalty: Penalty = 1.0,
    rank_on: FitOn = "val",
    seed: Seed = 0,
    device: Device = None,
    **reading: Any,
) -> None:
    """Write the chosen members, their weights and networks as a bundle that predicts.

    A temperature is fitted with them. Where every member's run is known, the bundle holds the
    networks, and predicts images: warpmix predict BUNDLE. Else it decides over stored predictions.

    [bold]Examples[/bold]

    $ warpmix ensemble export STORE --method greedy --out bundle
    $ warpmix ensemble export runs/* --method soft --top 30 --out bundle
    """
    options: dict[str, Any] = {"fraction": top / 100}
    if method == "greedy":
        options |= {"size": size, "metric": metric, "initial": initial, "bags": bags, "seed": seed}
    if method == "stack":
        options |= {"features": features, "C": penalty}
    selection = gather(paths, rank_on, rank_on, reading)
    labels, _ = selection.labels()
    with console.status("fitting"):
        from warpmix.ensemble import Bundle, fit_ensemble, fit_temperature
        from warpmix.train.ensembles import network_files, write_bundle

        chosen = fit_ensemble(selection.ranked, labels, method, device=device, **options)
        scores = chosen.vote(selection.ranked, device=device).scores
        bundle = Bundle.of(
            chosen,
            selection.names,
            networks=network_files(selection.runs, runs or ()),
            temperature=fit_temperature(scores, labels.to(scores.device)),
            classes=selection.ranked.classes,
            facts={"fitted_on": rank_on, "samples": len(labels), **options},
        )
        write_bundle(bundle, out)
    _show_weights(chosen, selection.names)
    predicts = "images: warpmix predict" if bundle.has_networks else "over stored predictions alone"
    console.print(f"bundle: {out} (predicts {predicts})")


def _fit(
    selection: Selection,
    method: str,
    options: dict[str, Any],
    device: str | None,
    seed: int,
) -> tuple[Ensemble, tuple[str, ...]]:
    """Fit one method, and print how it does beside the best single model."""
    rank_on, score_on = selection.ranked_on, selection.scored_on
    if selection.flattered:
        raise ValueError(
            f"--rank-on and --score-on must differ, got {rank_on} for both: what is fitted to "
            "samples must be scored on others"
        )
    ranked_labels, scored_labels = selection.labels()
    with console.status("fitting"):
        from warpmix.ensemble import Candidate, compare, rank

        results = compare(
            (selection.ranked, ranked_labels),
            (selection.scored, scored_labels),
            [Candidate(method, method, options=tuple(options.items()))],
            rank(selection.ranked, ranked_labels, device=device).cpu(),
            seed=seed,
            device=device,
        )
    show_results(results, f"fitted on {rank_on}, {score_on} accuracy in %")
    show_calibration(results)
    return results[1].ensemble, selection.names


def _show_weights(chosen: Ensemble, names: tuple[str, ...]) -> None:
    table = Table("model", title_justify="left", title=f"{len(chosen.members)} members")
    table.add_column("weight", justify="right")
    shares = chosen.weights
    for place, model in enumerate(chosen.members.tolist()):
        share = 1 / len(chosen.members) if shares is None else float(shares[place])
        table.add_row(names[model], f"{share:.4f}")
    console.print(table)
