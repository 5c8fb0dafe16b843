"""One member of a store of predictions: what its index and its file's header say of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

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
        try:
            with safe_open(path, framework="pt") as file:
                header = file.metadata() or {}
                if header.get("format") != FORMAT or "ids" not in header:
                    raise ValueError("not a member of a store of predictions")
                tensor = file.get_slice(TENSOR)
                (samples, classes), dtype = tensor.get_shape(), tensor.get_dtype()
        except (ValueError, SafetensorError) as error:
            raise ValueError(f"{path}: {error}") from error
        facts: dict[str, Any] = {
            field.name: header[field.name] for field in fields(cls) if field.name in header
        }
        for name in facts.keys() & {"accuracy", "classes", "numbered", "seed"}:
            facts[name] = json.loads(facts[name])
        if "classes" in facts:
            facts["classes"] = tuple(facts["classes"])
        return cls(
            **facts,
            logits=header["kind"] == "logits",
            samples=samples,
            num_classes=classes,
            dtype=dtype,
        )

    @classmethod
    def of_json(cls, facts: dict[str, Any]) -> Entry:
        """Return the entry of an object of the index."""
        return cls(**{**facts, "classes": facts["classes"] and tuple(facts["classes"])})


_OF_THE_TENSOR = ("samples", "num_classes", "dtype")
