"""Many models' predictions that stay on disk and are read a chunk of samples at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from warpmix._reading import reading_file
from warpmix.predictions.alignment import Order, class_order
from warpmix.predictions.entry import DTYPES, TENSOR, Entry
from warpmix.predictions.samples import Ids, Samples


@dataclass(frozen=True, eq=False)
class StoredPredictions:
    """M models' predictions for the same N samples of a split; voting takes it for a tensor.

    Attributes:
        entries: M members of a store.
        paths: their files.
        about: the samples' ids and labels.
        columns, names: [C] places of the classes in the files and their names, where they are read
            in another order or under names that the store does not know.
    """

    entries: tuple[Entry, ...]
    paths: tuple[Path, ...]
    about: Samples
    columns: tuple[int, ...] | None = None
    names: tuple[str, ...] | None = None

    @property
    def models(self) -> tuple[str, ...]:
        """M names."""
        return tuple(entry.model for entry in self.entries)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(M, N, C)"""
        return len(self.entries), self.entries[0].samples, self.entries[0].num_classes

    @property
    def dtype(self) -> torch.dtype:
        """That of the members where they share one, else float32."""
        kinds = {entry.dtype for entry in self.entries}
        return DTYPES[kinds.pop()] if len(kinds) == 1 else torch.float32

    @property
    def logits(self) -> bool:
        """Whether the members are logits; else probabilities."""
        return self.entries[0].logits

    @property
    def labels(self) -> Tensor | None:
        """[N] int64, or None where they are unknown."""
        return self.about.labels

    @property
    def ids(self) -> Ids:
        """[N] int64, or N strings."""
        return self.about.ids

    @property
    def numbered(self) -> bool:
        """Whether the ids are row numbers, because no member knows others."""
        return all(entry.numbered for entry in self.entries)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """C names, or None where they are unknown."""
        return self.names or self.entries[0].classes

    def with_classes(self, classes: Sequence[str]) -> StoredPredictions:
        """Return the same predictions with these classes: their names where the store has none,
        else their order.

        Raises:
            ValueError: another number of classes, or other names.
        """
        order = Order(None, class_order(self.classes, classes, self.shape[2]))
        if order.columns is None:
            return replace(self, names=tuple(classes))
        places = self.columns or range(self.shape[2])
        labels = None if self.labels is None else order.of_labels(self.labels)
        return replace(
            self,
            about=Samples(self.ids, labels),
            columns=tuple(places[i] for i in order.columns.tolist()),
            names=tuple(classes),
        )

    def read(self, begin: int = 0, end: int | None = None, *, out: Tensor | None = None) -> Tensor:
        """Return [M, end - begin, C] of the memory-mapped files; all samples where no end is given.

        Each file is mapped for as long as its rows are copied, so that no more than one file's
        rows are resident beside the result.

        Args:
            out: a tensor of that shape to fill.

        Raises:
            FileNotFoundError: a member was removed meanwhile.
            ValueError: a file is damaged.
        """
        models, samples, classes = self.shape
        end = samples if end is None else end
        if out is None:
            out = torch.empty(models, end - begin, classes, dtype=self.dtype)
        for row, path in zip(out, self.paths, strict=True):
            with reading_file(path, "import it again"), safe_open(path, framework="pt") as file:
                rows = file.get_slice(TENSOR)[begin:end]
                row.copy_(rows if self.columns is None else rows[:, list(self.columns)])
        return out
