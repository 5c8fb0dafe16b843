"""The predictions store: a folder to which many processes at once add what their models predicted.

| file | holds |
|---|---|
| ``SPLIT/MODEL.safetensors`` | ``predictions`` [N, C], and in its header what is known of it |
| ``SPLIT.samples.safetensors`` | the ids and labels of the split's samples, once for all models |
| ``index.json`` | what the headers say, on one page |

A member is in the store from the moment its file has its name: the file is complete, and on the
disk, before it is renamed. The index is a copy that heals itself: members that a killed writer did
not come to list are read from their headers, and listed by the next writer.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from warpmix._files import atomic_write, make_folder
from warpmix._reading import reading_file
from warpmix.predictions.alignment import notify
from warpmix.predictions.entry import DTYPES, REMEDY, TENSOR, Entry
from warpmix.predictions.model import Predictions
from warpmix.predictions.samples import Ids, Samples, check_ids
from warpmix.predictions.store_checks import (
    as_stored,
    check_joins,
    check_kind,
    check_labels,
    check_member,
    check_name,
    holds,
    joined_samples,
    joining_order,
)
from warpmix.predictions.store_folder import INDEX_FILE, StoreFolder
from warpmix.predictions.stored import StoredPredictions

_DTYPE_NAMES = {dtype: name for name, dtype in DTYPES.items()}


def is_store(path: str | os.PathLike[str]) -> bool:
    """Return whether a path is a predictions store."""
    return StoreFolder(Path(path)).is_store()


class PredictionStore:
    """Predictions of many models, for one or more splits, over the same classes.

    Args:
        path: the folder.
        create: make it where it does not exist.

    Raises:
        FileNotFoundError: no such store.
        ValueError: a folder that holds something else, or a damaged index.
    """

    def __init__(self, path: str | os.PathLike[str], *, create: bool = False) -> None:
        self.path = Path(path)
        self._folder = StoreFolder(self.path)
        if create and not self._folder.is_store():
            self._folder.make()
        if not self._folder.is_store():
            raise FileNotFoundError(
                f"no store of predictions at {self.path.absolute()} (no {INDEX_FILE} in it); "
                "warpmix ensemble import makes one"
            )
        self.entries()

    # ---- reading ------------------------------------------------------------------------------

    def entries(self, split: str | None = None) -> tuple[Entry, ...]:
        """Return the members, of one split or all, sorted by split and model.

        Raises:
            ValueError: a damaged index or header, or a listed member whose file is gone.
        """
        listed = self._folder.read_index()
        files = self._folder.members()
        if any(entry.key not in files for entry in listed):
            listed = self._folder.read_index()  # another process removed one in between?
        for entry in listed:
            if entry.key not in files and not self._folder.member(*entry.key).is_file():
                raise ValueError(
                    f"{self.path}: {entry.model} ({entry.split}) is in {INDEX_FILE}, but its file "
                    f"{self._folder.member(*entry.key)} is gone; bring it back, or drop the "
                    f"member: warpmix ensemble remove {self.path} {entry.model}"
                )
        found = {entry.key: entry for entry in listed}
        for key, path in files.items():
            if key not in found:
                found[key] = Entry.of_file(path)
        return tuple(found[key] for key in sorted(found) if split in (None, key[0]))

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that have members, sorted."""
        return tuple(sorted({entry.split for entry in self.entries()}))

    def samples(self, split: str) -> Samples:
        """Return the ids and labels of a split's samples."""
        return Samples.load(self._folder.samples(split))

    def open(self, split: str, models: Sequence[str] | None = None) -> StoredPredictions:
        """Return a split's predictions, to be read a chunk at a time.

        Args:
            models: which and in which order; None: all, sorted by name.

        Raises:
            FileNotFoundError: a split or model that is not there.
            ValueError: a damaged file, or one that was copied here from another store.
        """
        there = {entry.model for entry in self.entries(split)}
        if not there:
            has = ", ".join(self.splits) or "none"
            raise FileNotFoundError(f"{self.path} has no predictions for {split!r}; splits: {has}")
        chosen = tuple(sorted(there) if models is None else models)
        if not chosen:
            raise ValueError("models must name at least one model, got an empty ensemble")
        for model in chosen:
            if model not in there:
                raise FileNotFoundError(f"{self.path} has no predictions of {model!r} for {split}")
        paths = tuple(self._folder.member(split, model) for model in chosen)
        entries = tuple(Entry.of_file(path) for path in paths)
        about = self.samples(split)
        with reading_file(self._folder.samples(split), "import the split into a new store"):
            check_labels(about, entries[0].num_classes)
        for model, path, entry in zip(chosen, paths, entries, strict=True):
            with reading_file(path, REMEDY):
                if entry.key != (split, model):
                    raise ValueError(f"{path} holds predictions of {entry.model} for {entry.split}")
                check_member(entry, entries[0], about, str(path))
        return StoredPredictions(entries, paths, about)

    # ---- writing ------------------------------------------------------------------------------

    def add(
        self,
        predictions: Tensor,
        *,
        model: str,
        split: str,
        labels: Tensor | None = None,
        ids: Ids | Sequence[str | int] | None = None,
        classes: Sequence[str] | None = None,
        logits: bool = False,
        dtype: torch.dtype | None = None,
        recipe: str | None = None,
        seed: int | None = None,
        run: str | os.PathLike[str] | None = None,
        dataset: str | None = None,
        overwrite: bool = False,
        first_row: int = 0,
        assume_same_order: bool = False,
        repeat: bool = False,
    ) -> Entry:
        """Add one model's predictions; when this returns they are on the disk, whole.

        Args:
            predictions: [N, C] floating-point, on any device; probabilities unless ``logits``.
            model, split: its name; a pair that is there already is an error unless ``overwrite``.
            labels: [N] int64; needed once a split, from whichever model has them.
            ids: [N] distinct integers or strings that name the samples in the order of the rows;
                None: they are known by their row numbers, from ``first_row`` on.
            dtype: float32, float16 or bfloat16 to store; None: as given, float64 as float32.
            classes: C names of the columns, in their order, where they are known.
            recipe, seed, run, dataset: as in :class:`Entry`.
            assume_same_order: without ids, the samples are in the order of the store's, which has.
            repeat: what is there already is no error if it is just this, as after a kill.

        The first member gives the store its order of classes, and its split that of samples. Later
        ones are brought into it by name and by id, with a notice in the log.

        Raises:
            TypeError, ValueError: as :class:`Predictions`; rows that are no probabilities; samples,
                labels, classes or kind other than the store's, or an order in doubt (the message
                says which); a name that is taken.
            OSError: it cannot be written; the store is as it was.
        """
        tensor = as_stored(predictions, dtype)
        named = None if classes is None else tuple(classes)
        known = None if labels is None else labels.detach().cpu().contiguous()
        checked = Predictions(tensor.float(), known, model, dataset, split, named)
        check_kind(checked, logits)
        rows = torch.arange(first_row, first_row + len(tensor))
        about = Samples(rows if ids is None else check_ids(ids, len(tensor)), known)
        entry = Entry(
            model=check_name("model", model),
            split=check_name("split", split),
            logits=logits,
            samples=tensor.shape[0],
            num_classes=tensor.shape[1],
            dtype=_DTYPE_NAMES[tensor.dtype],
            ids=about.digest,
            classes=named,
            numbered=ids is None,
            recipe=recipe,
            seed=seed,
            run=None if run is None else os.fspath(run),
            dataset=dataset,
        )
        with self._folder.lock():
            return self._add_locked(tensor, entry, about, overwrite, repeat, assume_same_order)

    def _add_locked(
        self,
        tensor: Tensor,
        entry: Entry,
        about: Samples,
        overwrite: bool,
        repeat: bool,
        assume_same_order: bool,
    ) -> Entry:
        self._folder.note_removal(())
        entries = self.entries()
        others = [other for other in entries if other.key != entry.key]
        taken = ValueError(
            f"{self.path} already holds predictions of {entry.model!r} for {entry.split}; "
            "give the model another name, or overwrite it"
        )
        if len(others) < len(entries) and not (overwrite or repeat):
            raise taken
        where = f"{entry.model} cannot join {self.path}"
        peers = others if overwrite else entries
        has_members = any(peer.split == entry.split for peer in peers)
        stored = self.samples(entry.split) if has_members else None
        try:
            order, axes = joining_order(entry, about.ids, peers, stored, assume_same_order)
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
        check_joins(entry, peers, where)
        tensor = order.of_predictions(tensor)
        labels = None if about.labels is None else order.of_labels(about.labels)
        about = joined_samples(Samples(axes.ids, labels), stored, where)
        member = Predictions(tensor.float(), about.labels, entry.model)
        entry = replace(
            entry,
            ids=about.digest,
            classes=axes.classes,
            numbered=entry.numbered and (axes.numbered or not assume_same_order),
            accuracy=member.accuracy,
        )
        path = self._folder.member(*entry.key)
        if path.exists() and not overwrite and not holds(path, entry, tensor):
            raise taken
        if about is not stored:
            about.save(self._folder.samples(entry.split))
        make_folder(path.parent)
        if len(others) < len(entries):  # what is listed must never be of an older file
            self._folder.write_index(others)
        with atomic_write(path) as temporary:
            # Not save_file: that makes files that the owner alone can read, whatever the umask.
            temporary.write_bytes(save({TENSOR: tensor}, entry.header()))
        self._folder.write_index((*others, entry))
        notify(entry.model, order)
        return entry

    def remove(self, models: str | Sequence[str], split: str | None = None) -> tuple[str, ...]:
        """Drop the predictions of one or more models, for one split or all.

        A call that was killed can be repeated by another process, to which it is no error that a
        model of the last removal is gone.

        Returns:
            the models that were gone already.

        Raises:
            FileNotFoundError: there are none of a model; nothing was removed.
        """
        named = (models,) if isinstance(models, str) else tuple(models)
        with self._folder.lock():
            listed = self._folder.read_index()
            there = {entry.key for entry in listed} | set(self._folder.members())
            keys = {key for key in there if key[1] in named and split in (None, key[0])}
            gone = tuple(model for model in named if all(key[1] != model for key in keys))
            for model in gone:
                if model not in self._folder.removed(split):
                    raise FileNotFoundError(f"{self.path} has no predictions of {model!r}")
            self._folder.note_removal(named, split)
            self._folder.write_index(entry for entry in listed if entry.key not in keys)
            for key in keys:
                self._folder.member(*key).unlink(missing_ok=True)
            self._folder.end_removal()
        return gone
