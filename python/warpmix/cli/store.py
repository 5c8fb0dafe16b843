"""``warpmix ensemble import``, ``list``, ``remove``, ``diversity`` and ``predict``: the store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from warpmix._files import make_folder
from warpmix.cli._app import console
from warpmix.cli._flags import read_options, reading_flags
from warpmix.cli._selection import gather, in_class_order
from warpmix.cli.ensemble import Device, Members, Store
from warpmix.cli.tables import write_csv, write_labels

if TYPE_CHECKING:
    from warpmix.predictions import Entry

_SPLIT = typer.Option(metavar="SPLIT", help="Which predictions.")


@reading_flags
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
    rows: Annotated[
        str | None,
        typer.Option(metavar="BEGIN:END", help="Samples to take, to split one file in several."),
    ] = None,
    dtype: Annotated[
        Literal["float32", "float16", "bfloat16"], typer.Option(help="Type to store.")
    ] = "float32",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
    **reading: Any,
) -> None:
    """Add predictions to a store, whatever trained the models; the store is made where needed.

    A call that was interrupted can be repeated: what it had added already is no error.

    [bold]Examples[/bold]

    $ warpmix ensemble import STORE runs/*
    $ warpmix ensemble import STORE preds.npz --arrays '*__probs' --split test
    $ warpmix ensemble import STORE preds.npz --split val --rows 0:5000
    $ warpmix ensemble import STORE a.csv b.csv --ids filename --classes cat,dog,fox
    """
    with console.status("starting torch"):
        import torch

        from warpmix import predictions
        from warpmix.train.ensembles import import_run
    options = read_options({"arrays": arrays, **reading})
    target = predictions.PredictionStore(store, create=True)
    stored_as = getattr(torch, dtype)
    added: list[Entry] = []
    for path in files:
        if path.is_dir():
            added += import_run(
                target,
                path,
                dtype=stored_as,
                overwrite=overwrite,
                assume_same_order=options.assume_same_order,
            )
            continue
        added += predictions.import_files(
            target,
            [path],
            split=split,
            options=options,
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
    for model in PredictionStore(store).remove(models, split):
        console.print(f"{model} was removed before", style="yellow", markup=False)


def decide(
    bundle: Annotated[Path, typer.Argument(help="Folder of warpmix ensemble export.")],
    store: Store,
    split: Annotated[str, _SPLIT] = "test",
    out: Annotated[Path, typer.Option(help=".csv or .safetensors to write.")] = Path(
        "predictions.csv"
    ),
    classes: Annotated[
        str | None,
        typer.Option(metavar="NAME,...", help="Names of classes, for what has none."),
    ] = None,
    with_scores: Annotated[
        bool, typer.Option("--scores", help="Write each class's score into the CSV, too.")
    ] = False,
    device: Device = None,
) -> None:
    """Decide over the members' stored predictions, which may be larger than memory.

    [bold]Examples[/bold]

    $ warpmix ensemble predict bundle STORE --split kaggle --out submission.csv
    """
    if out.suffix.lower() not in (".csv", ".safetensors"):
        raise ValueError(f"--out must end in .csv or .safetensors, got {out}")
    with console.status("starting torch") as status:
        from warpmix import predictions
        from warpmix.ensemble import Bundle

        chosen = Bundle.load(bundle)
        named = read_options({"classes": classes}).classes
        stored = predictions.PredictionStore(store).open(split, chosen.models)
        stored = stored if named is None else stored.with_classes(named)
        names = chosen.classes or named
        stored = in_class_order(stored, names, f"{store} beside {bundle}")
        status.update("counting")
        result = chosen.vote(
            stored,
            device=device,
            progress=lambda done, of: status.update(f"counting: {done:,} of {of:,} samples"),
        )
    if out.suffix.lower() == ".csv":
        write_labels(out, stored.ids, result, names, with_scores=with_scores)
    else:
        predictions.save(
            out,
            result.scores,
            stored.labels,
            model=bundle.resolve().name,
            split=split,
            classes=names,
            ids=None if stored.numbered else stored.ids,
        )
    console.print(f"predictions: {out}")


@reading_flags
def diversity(
    paths: Members,
    split: Annotated[str, _SPLIT] = "test",
    out: Annotated[Path | None, typer.Option(help="Folder for pairs.csv and classes.csv.")] = None,
    device: Device = None,
    **reading: Any,
) -> None:
    """Show how differently the models err: disagreement and error correlation, by pair and class.

    [bold]Examples[/bold]

    $ warpmix ensemble diversity STORE --split val --out diversity
    """
    selection = gather(paths, split, split, reading)
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
    make_folder(out)
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
