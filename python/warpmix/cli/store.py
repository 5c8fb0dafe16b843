"""``warpmix ensemble import``, ``list``, ``remove``, ``diversity`` and ``predict``: the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.table import Table

from warpmix.cli._app import console
from warpmix.cli._selection import gather
from warpmix.cli.ensemble import Device, Members, Store
from warpmix.cli.tables import write_csv

if TYPE_CHECKING:
    from warpmix.predictions import Entry

_SPLIT = typer.Option(metavar="SPLIT", help="Which predictions.")


def import_files(
    store: Store,
    files: Annotated[
        list[Path],
        typer.Argument(help="Run folders; or files: .safetensors, .npy, .npz, .csv"),
    ],
    split: Annotated[
        str, typer.Option(metavar="SPLIT", help="What files are of; runs know theirs.")
    ] = "test",
    arrays: Annotated[
        str, typer.Option(help="Arrays of an .npz to take, as '*__probs'; * names the model.")
    ] = "*",
    labels: Annotated[str, typer.Option(help="Array of an .npz with the true labels.")] = "labels",
    kind: Annotated[
        Literal["auto", "probabilities", "logits"],
        typer.Option(help="What they hold; auto: logits where a value is negative."),
    ] = "auto",
    classes: Annotated[
        str | None, typer.Option(metavar="NAME,...", help="The classes' names.")
    ] = None,
    num_classes: Annotated[
        int | None, typer.Option(min=2, help="For files of predicted labels.")
    ] = None,
    rows: Annotated[
        str | None,
        typer.Option(metavar="BEGIN:END", help="Samples to take, to split one file in several."),
    ] = None,
    dtype: Annotated[
        Literal["float32", "float16", "bfloat16"], typer.Option(help="Type to store.")
    ] = "float32",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> None:
    """Add predictions to a store, whatever trained the models; the store is made where needed.

    [bold]Examples[/bold]

    $ warpmix ensemble import STORE runs/*
    $ warpmix ensemble import STORE preds.npz --arrays '*__probs' --split test
    $ warpmix ensemble import STORE preds.npz --split val --rows 0:5000
    """
    with console.status("starting torch"):
        import torch

        from warpmix import predictions
        from warpmix.train.ensembles import import_run
    target = predictions.PredictionStore(store, create=True)
    stored_as = getattr(torch, dtype)
    added: list[Entry] = []
    for path in files:
        if path.is_dir():
            added += import_run(target, path, dtype=stored_as, overwrite=overwrite)
            continue
        added += predictions.import_files(
            target,
            [path],
            split=split,
            arrays=arrays,
            labels=labels,
            kind=kind,
            classes=None if classes is None else classes.split(","),
            num_classes=num_classes,
            rows=None if rows is None else _parse_rows(rows),
            dtype=stored_as,
            overwrite=overwrite,
        )
    console.print(f"{len(added)} predictions added to {store}")


def list_entries(store: Store) -> None:
    """Show what a store holds.

    [bold]Examples[/bold]

    $ warpmix ensemble list STORE
    """
    with console.status("starting torch"):
        from warpmix.predictions import PredictionStore
    entries = PredictionStore(store).entries()
    table = Table("split", "model", title_justify="left", title=str(store))
    for heading in ("accuracy", "shape", "kind", "type", "recipe", "seed"):
        table.add_column(heading, justify="right")
    for e in entries:
        table.add_row(
            e.split,
            e.model,
            "" if e.accuracy is None else f"{e.accuracy:.2%}",
            f"{e.samples:,}×{e.num_classes}",
            "logits" if e.logits else "probabilities",
            e.dtype,
            e.recipe or "",
            "" if e.seed is None else str(e.seed),
        )
    console.print(table)


def remove(
    store: Store,
    models: Annotated[list[str], typer.Argument(help="Names of models.")],
    split: Annotated[str | None, _SPLIT] = None,
) -> None:
    """Drop models from a store, from one split or all.

    [bold]Examples[/bold]

    $ warpmix ensemble remove STORE resnet20 vgg11
    """
    with console.status("starting torch"):
        from warpmix.predictions import PredictionStore
    for model in models:
        PredictionStore(store).remove(model, split)


def decide(
    bundle: Annotated[Path, typer.Argument(help="Folder of warpmix ensemble export.")],
    store: Store,
    split: Annotated[str, _SPLIT] = "test",
    out: Annotated[Path, typer.Option(help=".csv or .safetensors to write.")] = Path(
        "predictions.csv"
    ),
    device: Device = None,
) -> None:
    """Decide over the members' stored predictions, which may be larger than memory.

    [bold]Examples[/bold]

    $ warpmix ensemble predict bundle STORE --split kaggle --out submission.csv
    """
    if out.suffix not in (".csv", ".safetensors"):
        raise ValueError(f"--out must end in .csv or .safetensors, got {out}")
    with console.status("starting torch") as status:
        from warpmix import predictions
        from warpmix.ensemble import Bundle
        from warpmix.predictions.samples import list_ids

        chosen = Bundle.load(bundle)
        stored = predictions.PredictionStore(store).open(split, chosen.models)
        status.update("counting")
        result = chosen.vote(
            stored,
            device=device,
            progress=lambda done, of: status.update(f"counting: {done:,} of {of:,} samples"),
        )
    labels, scores = result.labels.cpu(), result.scores.cpu()
    names = chosen.classes or stored.classes
    if out.suffix == ".csv":
        columns = names or [str(c) for c in range(scores.shape[1])]
        decided = [columns[label] for label in labels.tolist()]
        rows = zip(list_ids(stored.ids), decided, scores.tolist(), strict=True)
        write_csv(out, ["id", "label", *columns], ((i, d, *s) for i, d, s in rows))
    else:
        known = None if stored.labels is None else stored.labels
        predictions.save(
            out, scores, known, model=bundle.resolve().name, split=split, classes=names
        )
    console.print(f"predictions: {out}")


def diversity(
    paths: Members,
    split: Annotated[str, _SPLIT] = "test",
    out: Annotated[Path | None, typer.Option(help="Folder for pairs.csv and classes.csv.")] = None,
    device: Device = None,
) -> None:
    """How differently the models err: disagreement and error correlation, by pair and by class.

    [bold]Examples[/bold]

    $ warpmix ensemble diversity STORE --split val --out diversity
    """
    selection = gather(paths, split, split)
    labels, _ = selection.labels()
    with console.status("counting"):
        from warpmix.ensemble import diversity as measure

        found = measure(selection.scored, labels, device=device)
    classes = selection.scored.classes or [str(c) for c in range(len(found.class_disagreement))]
    table = Table("class", title_justify="left", title=f"{split}: means over pairs of models")
    for heading in ("mean accuracy", "disagreement", "error correlation"):
        table.add_column(heading, justify="right")
    by_class = [
        (
            name,
            float(found.class_accuracy[:, c].mean()),
            float(found.class_disagreement[c]),
            float(found.class_error_correlation[c]),
        )
        for c, name in enumerate(classes)
    ]
    overall = (
        "all",
        float(found.accuracy.mean()),
        found.mean_pair(found.disagreement),
        found.mean_pair(found.error_correlation),
    )
    for name, *figures in (*by_class, overall):
        table.add_row(name, *(f"{figure:.4f}" for figure in figures))
    console.print(table)
    if out is None:
        return
    out.mkdir(parents=True, exist_ok=True)
    write_csv(
        out / "classes.csv", ["class", "accuracy", "disagreement", "error_correlation"], by_class
    )
    names = selection.names
    pairs = (
        (names[i], names[j], float(found.disagreement[i, j]), float(found.error_correlation[i, j]))
        for i in range(len(names))
        for j in range(i + 1, len(names))
    )
    write_csv(out / "pairs.csv", ["first", "second", "disagreement", "error_correlation"], pairs)
    console.print(f"diversity: {out / 'pairs.csv'}, {out / 'classes.csv'}")


def _parse_rows(text: str) -> tuple[int, int]:
    try:
        begin, end = (int(part) for part in text.split(":"))
    except ValueError:
        raise ValueError(f"--rows must be BEGIN:END, as 0:5000; got {text!r}") from None
    return begin, end
