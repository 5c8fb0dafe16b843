"""One file of predictions, whatever program wrote it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from warpmix._reading import reading_file
from warpmix.predictions.alignment import notify, with_classes
from warpmix.predictions.arrays import read_npy, read_npz
from warpmix.predictions.csv_file import read_csv
from warpmix.predictions.files import REMEDY, read_safetensors
from warpmix.predictions.model import Predictions
from warpmix.predictions.options import DEFAULTS, ReadOptions

_READERS: Mapping[str, Callable[[Path, ReadOptions], list[Predictions]]] = {
    ".npy": read_npy,
    ".npz": read_npz,
    ".csv": lambda path, options: [read_csv(path, options)],
    ".safetensors": lambda path, _: [read_safetensors(path)],
}


def load(path: str | os.PathLike[str], options: ReadOptions = DEFAULTS) -> Predictions:
    """Read one model's predictions.

    Args:
        path: a file of :func:`save`, a store's member, or an ``.npy``, ``.npz`` or ``.csv`` file of
            one model, which is then called like the file. Capitals in the suffix don't matter.
        options: what settles a doubt about the contents, the classes' names and order above all.

    Returns:
        the predictions, on the CPU, in the file's order of samples.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another kind of file, a damaged one, contents in doubt, or such as
            :class:`Predictions` refuses; the message begins with the path.
    """
    with reading(Path(path)) as read:
        models = read(options)
        if len(models) != 1:
            raise ValueError(
                "expected one [N, C] array and, if known, 'labels', got "
                f"{', '.join(model.model for model in models)}; save each model's predictions to a "
                "file of its own, or import them all into a store: warpmix ensemble import"
            )
    if Path(path).suffix.lower() != ".safetensors":
        return replace(models[0], model=Path(path).stem)
    return models[0]


@contextmanager
def reading(path: Path) -> Iterator[Callable[[ReadOptions], list[Predictions]]]:
    """Yield what reads all models of a file, with the user's classes and kind; errors inside
    begin with the path."""
    if not path.is_file():
        raise FileNotFoundError(f"no prediction file {path.absolute()}")

    def read(options: ReadOptions) -> list[Predictions]:
        reader = _READERS.get(path.suffix.lower())
        if reader is None:
            raise ValueError("expected the extension .safetensors, .npy, .npz or .csv")
        return [_as_wanted(model, path, options) for model in reader(path, options)]

    with reading_file(path, REMEDY):
        yield read


def _as_wanted(model: Predictions, path: Path, options: ReadOptions) -> Predictions:
    model, order = with_classes(model, options.classes)
    notify(str(path), order)
    if options.kind != "auto" and model.logits is None:
        model = replace(model, logits=options.kind == "logits")
    return model
