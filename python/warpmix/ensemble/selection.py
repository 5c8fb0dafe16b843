"""Which models an ensemble should hold, and with which weights: fitted on validation data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from warpmix import ops
from warpmix.ensemble._chunks import Predicted, Progress, chunked
from warpmix.ensemble._planes import own_planes, probability_planes

_METRICS = ("accuracy", "log_loss")
_LOG_STEPS = 2.0**32  # kernels/ensemble/greedy.h
_MOST_SAMPLES = 2**26  # whose log-losses still fit 64 bits in those steps


@dataclass(frozen=True)
class GreedyPath:
    """One run of greedy selection.

    Attributes:
        members: [size] int64 models in the order in which they were chosen, some of them often.
        scores: [size] float64 what the first 1, 2, … of them reach on the data selected on:
            accuracy in [0, 1], or log-loss in nats.
        best: how many of the first are kept: where the score is best, the fewest of equals.
    """

    members: Tensor
    scores: Tensor
    best: int


@dataclass(frozen=True)
class Selection:
    """An ensemble that was selected greedily.

    Attributes:
        weights: [M] float64, sums to 1: each model's share among the kept members; for
            :func:`vote`.
        paths: how it came about, one a bag.
    """

    weights: Tensor
    paths: tuple[GreedyPath, ...]

    @property
    def models(self) -> list[int]:
        """The models with a weight, heaviest first, ties to the lower index."""
        order = torch.argsort(self.weights, descending=True, stable=True).tolist()
        return [model for model in order if self.weights[model] > 0]


def select_greedy(
    predictions: Predicted,
    targets: Tensor,
    size: int = 50,
    *,
    metric: str = "accuracy",
    initial: int = 0,
    bags: int = 1,
    bag_fraction: float = 0.5,
    seed: int = 0,
    logits: bool | None = None,
    temperature: float | Sequence[float] | Tensor | None = None,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> Selection:
    """Greedy ensemble selection with replacement (Caruana et al., ICML 2004).

    Starting from nothing, the model that helps the soft vote most is added, ``size`` times; then
    the best prefix is kept. Ties go to the lower model. Sums run in float64 in the order of
    joining, log-losses in steps of 2^-32, so the CPU and a GPU choose the same.

    Args:
        predictions: [M, N, C] of validation data; all of it is held in memory, as float32.
        targets: [N] int64 true classes, N from 1 to 2^26.
        size: how often a model is added, at least 1.
        metric: "accuracy", or "log_loss" of the mean probability (at least 1e-15).
        initial: this many best single models join first ("sorted initialization"); at most
            ``size``.
        bags: selections whose members' weights are averaged; with more than one, each may choose
            from its own random ``bag_fraction`` of the models ("bagged selection"), drawn by
            ``seed``.
        logits, temperature, device: as :func:`vote`.
        progress: called with (steps done, of all).

    Raises:
        TypeError, ValueError: as :func:`vote`; sizes, metric or fraction out of range.
    """
    source = chunked(predictions, logits, device=device)
    models, samples, _ = source.shape
    _check_sizes(metric, size, bags, bag_fraction, samples)
    choices = models if bags == 1 else max(round(bag_fraction * models), 1)
    if not 0 <= initial <= min(size, choices):
        raise ValueError(f"initial must be from 0 to {min(size, choices)}, got {initial}")
    targets = source.check_targets(targets)
    planes = probability_planes(source, temperature)
    own = own_planes(planes, targets)
    paths = []
    for bag, allowed in enumerate(_bags(bags, choices, models, seed)):
        steps = _Steps(None if metric == "log_loss" else planes, own, targets)
        paths.append(steps.run(size, initial, allowed, metric))
        if progress is not None:
            progress((bag + 1) * size, bags * size)
    weights = torch.zeros(models, dtype=torch.float64)
    for path in paths:
        kept = torch.bincount(path.members[: path.best], minlength=models)
        weights += kept.double() / (path.best * bags)
    return Selection(weights, tuple(paths))


class _Steps:
    """The running sums of one selection.

    Args:
        planes: [M, C, N] float32, or None to score by log-loss, which ``own`` is enough for.
        own: [M, N] float32.
    """

    def __init__(self, planes: Tensor | None, own: Tensor, targets: Tensor) -> None:
        self.planes, self.own, self.targets = planes, own, targets
        self.total = None if planes is None else torch.zeros_like(planes[0], dtype=torch.float64)
        self.own_total = torch.zeros_like(own[0], dtype=torch.float64)

    def run(self, size: int, initial: int, allowed: Tensor, metric: str) -> GreedyPath:
        allowed = allowed.to(self.own.device)
        first = self._scores(0, allowed)
        start = torch.argsort(first, descending=True, stable=True)[:initial]
        members, reached = [], []
        for step in range(size):
            scores = self._scores(step, allowed) if step else first
            # argmax's choice among ties is not documented; the first of the maxima is found
            # explicitly. It stays on the device: no step waits for the one before it.
            best = (scores == scores.max()).int().argmax()
            chosen = (start[step] if step < initial else best).reshape(1)
            members.append(chosen)
            reached.append(scores[chosen])
            self._join(chosen)
        counted = torch.cat(reached).cpu().double() / self.own.shape[1]
        kept = int((counted == counted.max()).int().argmax()) + 1
        natural = counted if metric == "accuracy" else -counted / _LOG_STEPS
        return GreedyPath(torch.cat(members).cpu(), natural, kept)

    def _scores(self, members: int, allowed: Tensor) -> Tensor:
        scores = ops.greedy_scores(
            self.planes, self.own, self.total, self.own_total, self.targets, members
        )
        return torch.where(allowed, scores, torch.iinfo(torch.int64).min)

    def _join(self, model: Tensor) -> None:
        self.own_total += self.own[model][0]
        if self.planes is not None and self.total is not None:
            self.total += self.planes[model][0]


def _bags(bags: int, choices: int, models: int, seed: int) -> list[Tensor]:
    """[M] bool for each bag: which models it may choose."""
    if bags == 1:
        return [torch.ones(models, dtype=torch.bool)]
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.zeros(bags, models, dtype=torch.bool)
    for mask in drawn:
        mask[torch.randperm(models, generator=generator)[:choices]] = True
    return list(drawn)


def _check_sizes(metric: str, size: int, bags: int, bag_fraction: float, samples: int) -> None:
    if metric not in _METRICS:
        raise ValueError(f"metric must be 'accuracy' or 'log_loss', got {metric!r}")
    if size < 1:
        raise ValueError(f"size must be at least 1, got {size}")
    if bags < 1:
        raise ValueError(f"bags must be at least 1, got {bags}")
    if not 0.0 < bag_fraction <= 1.0:
        raise ValueError(f"bag_fraction must be in (0, 1], got {bag_fraction}")
    if not 1 <= samples <= _MOST_SAMPLES:
        raise ValueError(f"predictions must hold 1 to 2^26 samples to select on, got {samples}")
