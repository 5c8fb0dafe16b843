"""A model on disk: its weights, and what it takes to build and feed it (``model.safetensors``)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from safetensors.torch import save
from torch import Tensor, nn

from warpmix import models
from warpmix._files import as_typed, atomic_write
from warpmix._memory import MAX_CLASSES, MAX_SIDE
from warpmix._reading import InvalidFileError, parse_json, quoted, reading_file
from warpmix._tensor_files import read_tensor_file
from warpmix.models.heads import DropoutPlace
from warpmix.models.memory import WithinMemory
from warpmix.models.network import FrozenMode, TestTimeAugmentation
from warpmix.train.run_folder import CHECKPOINT_FILE, DIVERGENCE_FILE, MODEL_FILE

_METADATA_KEY = "warpmix"
_REPLACED_HEAD = 640 << 20  # bytes of the largest of torchvision's heads, which ours replace
_REMEDY = "train the model again, or take another copy of the file"


@dataclass(frozen=True)
class ModelSpec:
    """What it takes to build a model again and to feed it.

    Attributes:
        model, head, dropout: as in :class:`warpmix.train.TrainConfig`.
        classes: class names, in label order.
        image_size: (height, width) in pixels of the images it is trained on; None: of mixed sizes,
            each resized until its shorter side is the longer one of ``resize_size``, or else of
            ``input_size``, whose centre is then cut out.
        channels: of those images.
        mean, std: per-channel normalisation, as fractions of 255.
        input_size: (height, width) that the pipeline resizes them to; None: ``image_size``.
        resize_size: (height, width) that it resizes them to before it cuts the centre
            ``input_size`` out; None: nothing is cut off.
        options: of :func:`warpmix.models.create`.
        tta, dropout_at: as in :class:`warpmix.train.TrainConfig`.
        test_size: (height, width) of what the network gets when it is tested, in place of
            ``input_size``; None: of what it is trained on.
    """

    model: str
    head: tuple[int, ...]
    dropout: float
    classes: tuple[str, ...]
    image_size: tuple[int, int] | None
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    input_size: tuple[int, int] | None = None
    resize_size: tuple[int, int] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    tta: TestTimeAugmentation = "none"
    dropout_at: DropoutPlace = "hidden"
    test_size: tuple[int, int] | None = None

    @property
    def network_size(self) -> tuple[int, int]:
        """(height, width) of what the network is trained on."""
        size = self.input_size or self.image_size
        assert size is not None  # as _check has seen to
        return size

    def build(
        self,
        weights: str | None = None,
        frozen: bool = False,
        unfrozen: int = 0,
        frozen_mode: FrozenMode = "eval",
    ) -> models.Network:
        """Return a new model; arguments and errors as :func:`warpmix.models.create`.

        Raises:
            ValueError: it cannot take images of ``test_size``.
        """
        network = models.create(
            self.model,
            len(self.classes),
            weights=weights,
            frozen=frozen,
            head=self.head,
            dropout=self.dropout,
            image_size=self.network_size,
            in_channels=self.channels,
            unfrozen=unfrozen,
            tta=self.tta,
            options=self.options,
            dropout_at=self.dropout_at,
            frozen_mode=frozen_mode,
        )
        if self.test_size is not None:
            remedy = "leave it out, or train a network that pools its features globally"
            network.check_size(self.channels, *self.test_size, "test_size", remedy)
        return network

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ModelSpec:
        """Return the spec of a JSON object, whose lists are tuples here.

        Raises:
            ValueError: a field is missing, unknown, of another type, or out of range.
        """
        if not isinstance(values, Mapping):
            raise ValueError(f"its spec must be an object, got {quoted(values)}; {_REMEDY}")
        known = {field.name for field in fields(cls)}
        if unknown := values.keys() - known:
            raise ValueError(f"its spec has the unknown {quoted(sorted(unknown))}; {_REMEDY}")
        spec: ModelSpec = TypeAdapter(cls).validate_python(_with_tuples(values))
        spec._check()
        return spec

    def _check(self) -> None:
        """Refuse what no network is built from."""
        sizes = (self.image_size, self.input_size, self.resize_size, self.test_size)
        sides = [side for size in sizes for side in size or ()]
        numbers = (*self.mean, *self.std)
        if self.image_size is None and self.input_size is None:
            raise ValueError(f"its image_size and input_size are both missing; {_REMEDY}")
        if not all(1 <= side <= MAX_SIDE for side in sides):
            raise ValueError(f"its sizes must be 1 to {MAX_SIDE} pixels, got {sides}; {_REMEDY}")
        if not 2 <= len(self.classes) <= MAX_CLASSES or len({*self.classes}) < len(self.classes):
            raise ValueError(
                f"its classes must be 2 to {MAX_CLASSES} distinct names, got "
                f"{quoted(self.classes)}; {_REMEDY}"
            )
        if len(self.mean) != len(self.std) or not all(map(math.isfinite, numbers)):
            raise ValueError(
                f"its mean and std must be one finite number a channel, got {quoted(numbers)}; "
                f"{_REMEDY}"
            )


def _with_tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return a JSON object with tuples in place of its lists, at any depth of objects."""
    tuples: dict[str, Any] = {}
    for key, value in values.items():
        tuples[key] = tuple(value) if isinstance(value, list) else value
        if isinstance(value, Mapping):
            tuples[key] = _with_tuples(value)
    return tuples


def copy_weights(model: nn.Module) -> dict[str, Tensor]:
    """Return a copy of the model's weights in CPU memory, contiguous as safetensors needs them."""
    return {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in model.state_dict().items()
    }


def save_model(path: Path, weights: dict[str, Tensor], spec: ModelSpec) -> None:
    """Write weights and spec; the tensors keep the model's own names."""
    write_tensors(path, weights, {"spec": asdict(spec)})


def load_model(path: str | Path) -> tuple[models.Network, ModelSpec]:
    """Load a trained model, in eval mode on the CPU.

    Args:
        path: a run folder, its ``model.safetensors``, or the ``checkpoint.safetensors`` of a run
            that is still going on, of which the best weights so far are taken.

    Raises:
        FileNotFoundError: no such file, or the run has not finished, or diverged at once.
        ValueError: not a model of warpmix, or its weights do not fit the model it names.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / MODEL_FILE).exists() and (path / CHECKPOINT_FILE).exists():
            raise FileNotFoundError(
                f"{path} has no {MODEL_FILE} because the run has not finished; "
                f"continue it with: warpmix train --resume {as_typed(path)}"
            )
        if not (path / MODEL_FILE).exists() and (path / DIVERGENCE_FILE).exists():
            raise FileNotFoundError(
                f"{path} has no {MODEL_FILE} because its training diverged before there were "
                "weights to keep; try a lower rate: "
                f"warpmix train --resume {as_typed(path)} --lr RATE"
            )
        path = path / MODEL_FILE
    weights, metadata = read_tensors(path)
    with reading_file(path, _REMEDY):
        spec = ModelSpec.from_json(metadata["spec"])
        if "state" in metadata:  # of warpmix.train.checkpoint
            best = "/best_weights/"
            weights = {k.removeprefix(best): v for k, v in weights.items() if k.startswith(best)}
        size = sum(tensor.nbytes for tensor in weights.values())
        with WithinMemory(size + _REPLACED_HEAD):
            model = spec.build()
        load_weights(model, weights, path)
        return model.eval(), spec


def load_weights(model: nn.Module, weights: Mapping[str, Tensor], origin: Path) -> None:
    """Load weights, or raise ValueError saying how many do not fit and naming the first."""
    expected = model.state_dict()
    unfit = [
        name
        for name in sorted(expected.keys() | weights.keys())
        if name not in weights
        or name not in expected
        or weights[name].shape != expected[name].shape
    ]
    if unfit:
        raise ValueError(
            f"{origin} is of another model: {len(unfit)} of {len(expected)} tensors do not fit, "
            f"the first is {quoted(unfit[0])}"
        )
    model.load_state_dict(weights)


def write_tensors(path: Path, tensors: dict[str, Tensor], metadata: Mapping[str, Any]) -> None:
    """Write a safetensors file with a JSON object as its metadata, in one step."""
    with atomic_write(path) as temporary:
        # Not save_file: that makes files that the owner alone can read, whatever the umask.
        temporary.write_bytes(save(tensors, {_METADATA_KEY: json.dumps(metadata)}))


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what :func:`write_tensors` wrote.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not readable, or was not written by warpmix.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; expected a run of: warpmix train")
    tensors, metadata = read_tensor_file(path, _REMEDY)
    if _METADATA_KEY not in metadata:
        raise InvalidFileError(
            f"{path} was not written by warpmix train: it does not name its model"
        )
    with reading_file(path, _REMEDY):
        facts = parse_json(metadata[_METADATA_KEY])
        if not isinstance(facts, dict):
            raise ValueError(f"its metadata must be an object, got {quoted(facts)}; {_REMEDY}")
        return tensors, facts
