"""A run that has diverged: what it says, and what its folder keeps of it (``divergence.json``).

The checkpoint stays that of the last sound epoch. A run that is resumed with other rates goes on
from there; with the same ones it would diverge again, and ends as it did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter, ValidationError

from warpmix._files import write_json
from warpmix.train.config import TrainConfig
from warpmix.train.history import EpochRecord
from warpmix.train.run_folder import AFTER_DIVERGENCE, DIVERGENCE_FILE

if TYPE_CHECKING:
    from torch import Tensor


class DivergenceError(ValueError):
    """Training diverged before there were weights to keep; or those kept are of no use."""


@dataclass(frozen=True)
class Divergence:
    """What the folder of a run that diverged keeps, beside the epoch's figures in its history.

    Attributes:
        epoch: that diverged, from 1; the last one of the history.
        reason: what showed it, in words.
        settings: those of ``AFTER_DIVERGENCE``, with which it diverged.
    """

    epoch: int
    reason: str
    settings: dict[str, float | None]


def write_divergence(folder: Path, config: TrainConfig, epoch: int, reason: str) -> None:
    """Write down that a run has diverged, after its history."""
    found = Divergence(epoch, reason, _settings(config))
    write_json(folder / DIVERGENCE_FILE, asdict(found))


def read_divergence(folder: Path, config: TrainConfig) -> Divergence | None:
    """Return the divergence that lies before a resumed run, or None.

    Args:
        folder: of the run.
        config: settings that it would go on with; with other rates nothing lies before it.

    Raises:
        ValueError: the file is not what :func:`write_divergence` wrote.
    """
    path = folder / DIVERGENCE_FILE
    if not path.is_file():
        return None
    try:
        found = TypeAdapter(Divergence).validate_json(path.read_bytes())
    except ValidationError:
        raise ValueError(
            f"{path} is damaged; delete it, and the run goes on with the epoch after its checkpoint"
        ) from None
    return found if found.settings == _settings(config) else None


def divergence_in_words(
    config: TrainConfig, history: Sequence[EpochRecord], reason: str | None
) -> str | None:
    """Return where a run diverged, how, and what to try, as one line; None without a reason."""
    if reason is None:
        return None
    epoch, before = len(history), ""
    if epoch > 1:
        before = f", after {history[-2].train_loss:.4g} in epoch {epoch - 1}"
    setting, rate = rate_of(config, epoch)
    others = "or clip_grad" if config.sched == "onecycle" else "clip_grad, or warmup_epochs"
    return (
        f"training diverged in epoch {epoch}: {reason}{before}; use "
        f"{'an lr' if setting == 'lr' else setting} below {rate:g}, {others}"
    )


def rate_of(config: TrainConfig, epoch: int) -> tuple[str, float]:
    """Return the setting that gives an epoch (from 1) its peak rate, and that rate."""
    switched = config.switch_epoch is not None and epoch > config.switch_epoch
    if switched and config.switch_lr is not None:
        return "switch_lr", config.switch_lr
    return "lr", config.lr


def check_predictions(probabilities: Tensor, origin: str) -> None:
    """Refuse what a model that has diverged predicts.

    Args:
        probabilities: [N, C] of its images.
        origin: what predicted them, in words.

    Raises:
        DivergenceError: one is infinite or NaN.
    """
    wrong = int((~probabilities.isfinite().all(1)).sum())
    if wrong > 0:
        raise DivergenceError(
            f"{origin} must predict finite probabilities, got NaN or infinity for {wrong} of "
            f"{len(probabilities)} images: its training has diverged; train it anew with a lower lr"
        )


def _settings(config: TrainConfig) -> dict[str, float | None]:
    return {name: getattr(config, name) for name in sorted(AFTER_DIVERGENCE)}
