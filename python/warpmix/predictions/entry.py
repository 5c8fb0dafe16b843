"""One member of a store of predictions: what its index and its file's header say of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors import safe_open

from warpmix._reading import parse_json, quoted, reading_file

FORMAT = "warpmix.predictions"
"""The ``format`` in the header of every file of predictions."""

TENSOR = "predictions"
"""The tensor's name in such a file."""


@dataclass(frozen=True)
class Entry:
    """A model's predictions for one split.

    Attributes:
        model, split: together they name the member; each pair is there once.
        logits: whether they are logits; else probabilities.
        samples, num_classes, dtype: of the [N, C] tensor; dtype as safetensors writes it (F16).
        ids: digest of the sample ids, see :class:`Samples`.
        accuracy: share of right answers, ties to the lowest class; None without labels.
        classes: C names, where they are known.
        numbered: whether the samples were known by their row numbers alone.
        recipe, seed, run, dataset: how the model was trained, the folder it was trained in, and
            what was predicted, where they are known.
    """

    model: str
    split: str
    logits: bool
    samples: int
    num_classes: int
    dtype: str
    ids: str
    accuracy: float | None = None
    classes: tuple[str, ...] | None = None
    numbered: bool = False
    recipe: str | None = None
    seed: int | None = None
    run: str | None = None
    dataset: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        return self.split, self.model

    def header(self) -> dict[str, str]:
        """Return the metadata of the member's file, whose values must be text; shape and dtype are
        the tensor's own."""
        facts = {
            "format": FORMAT,
            **{name: value for name, value in asdict(self).items() if name not in _OF_THE_TENSOR},
            "logits": None,
            "kind": "logits" if self.logits else "probabilities",
        }
        return {
            name: value if isinstance(value, str) else json.dumps(value)
            for name, value in facts.items()
            if value is not None
        }

    @classmethod
    def of_file(cls, path: Path) -> Entry:
        """Return the entry of a member's file, from its header.

        Raises:
            ValueError: a damaged file, or one of something else.
        """
        with reading_file(path, REMEDY):
            with safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
                if header.get("format") != FORMAT or "ids" not in header:
                    raise ValueError("not a member of a store of predictions")
                tensor = file.get_slice(TENSOR)
                shape, dtype = tensor.get_shape(), tensor.get_dtype()
            if len(shape) != 2 or dtype not in DTYPES:
                raise ValueError(
                    f"its predictions must be [N, C] of {', '.join(DTYPES)}, got {quoted(shape)} "
                    f"of {dtype}; {REMEDY}"
                )
            if header.get("kind") not in _KINDS:
                raise ValueError(
                    f"its header must have the kind {' or '.join(_KINDS)}, got "
                    f"{quoted(header.get('kind'))}; {REMEDY}"
                )
            facts: dict[str, Any] = {
                field.name: header[field.name] for field in fields(cls) if field.name in header
            }
            for name in facts.keys() & {"accuracy", "classes", "numbered", "seed"}:
                facts[name] = parse_json(facts[name])
            facts["logits"] = header["kind"] == "logits"
            return cls.of_json(
                {**facts, "samples": shape[0], "num_classes": shape[1], "dtype": dtype}
            )

    @classmethod
    def of_json(cls, facts: dict[str, Any]) -> Entry:
        """Return the entry of an object of the index.

        Raises:
            ValueError: a fact is missing, of another type, or contradicts another.
        """
        entry: Entry = _checked().validate_json(json.dumps(facts), strict=True)
        if entry.classes is not None and len(entry.classes) != entry.num_classes:
            raise ValueError(
                f"{quoted(entry.model)} must name its {entry.num_classes} classes, got "
                f"{len(entry.classes)} names; {REMEDY}"
            )
        if not entry.model or not entry.split or entry.dtype not in DTYPES:
            raise ValueError(
                f"an entry must have a model, a split and a dtype of {', '.join(DTYPES)}, got "
                f"{quoted(entry.model)}, {quoted(entry.split)} and {quoted(entry.dtype)}; {REMEDY}"
            )
        return entry


@cache
def _checked() -> TypeAdapter[Entry]:
    """Return what checks the types of an entry's facts; made when it is first needed."""
    return TypeAdapter(Entry)


DTYPES = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
"""What a store holds, by the names that safetensors writes."""

_KINDS = ("probabilities", "logits")
REMEDY = "remove the member (warpmix ensemble remove) and import it again"
_OF_THE_TENSOR = ("samples", "num_classes", "dtype")
