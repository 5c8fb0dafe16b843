"""warpmix: fused batched image augmentation and ensemble voting for PyTorch.

Names are imported when first used, so that ``warpmix --help`` need not wait for torch. The public
ones are those of :mod:`warpmix.augment`, the function :func:`vote`, and the modules.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from warpmix._version import __version__ as __version__

if TYPE_CHECKING:  # what editors and type checkers read
    from warpmix import augment as augment
    from warpmix import cli as cli
    from warpmix import data as data
    from warpmix import ensemble as ensemble
    from warpmix import models as models
    from warpmix import ops as ops
    from warpmix import predictions as predictions
    from warpmix import presets as presets
    from warpmix import recipes as recipes
    from warpmix import train as train
    from warpmix._reading import InvalidFileError as InvalidFileError
    from warpmix.augment import *
    from warpmix.ensemble import vote as vote
else:  # and what runs; a test compares the two
    _MODULES = (
        "augment",
        "cli",
        "data",
        "ensemble",
        "models",
        "ops",
        "predictions",
        "presets",
        "recipes",
        "train",
    )

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return importlib.import_module(f"{__name__}.{name}")
        if name == "InvalidFileError":
            return importlib.import_module(f"{__name__}._reading").InvalidFileError
        if name == "vote":
            return importlib.import_module(f"{__name__}.ensemble").vote
        if name == "__all__" or not name.startswith("_"):
            augment = importlib.import_module(f"{__name__}.augment")
            if name == "__all__":
                return sorted(
                    ["InvalidFileError", "__version__", *augment.__all__, "vote", *_MODULES]
                )
            if name in augment.__all__:
                return getattr(augment, name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return __getattr__("__all__")
