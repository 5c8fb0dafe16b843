"""Training: settings in, a run folder with weights, history and predictions out.

The submodules are imported when a name is first used, so that ``warpmix train --help`` does not
wait for torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from warpmix.train.batched import fit_together
    from warpmix.train.batched_rules import is_faster_together, why_not_together
    from warpmix.train.callbacks import Callback
    from warpmix.train.config import TrainConfig, load_config
    from warpmix.train.divergence import DivergenceError
    from warpmix.train.loop import TrainResult, fit
    from warpmix.train.model import ModelSpec, load_model
    from warpmix.train.prediction import predict
    from warpmix.train.run_folder import RunInUseError
    from warpmix.train.trainer import Trainer

_HOME = {
    "Callback": "callbacks",
    "DivergenceError": "divergence",
    "ModelSpec": "model",
    "RunInUseError": "run_folder",
    "TrainConfig": "config",
    "TrainResult": "loop",
    "Trainer": "trainer",
    "fit": "loop",
    "fit_together": "batched",
    "is_faster_together": "batched_rules",
    "load_config": "config",
    "load_model": "model",
    "predict": "prediction",
    "why_not_together": "batched_rules",
}

__all__ = [
    "Callback",
    "DivergenceError",
    "ModelSpec",
    "RunInUseError",
    "TrainConfig",
    "TrainResult",
    "Trainer",
    "fit",
    "fit_together",
    "is_faster_together",
    "load_config",
    "load_model",
    "predict",
    "why_not_together",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
