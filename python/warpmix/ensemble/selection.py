"""Which models an ensemble should hold, and with which weights: fitted on validation data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import SupportsFloat, SupportsIndex

import torch
from torch import Tensor

from warpmix import ops
from warpmix._numbers import check_integer, check_real, shown
from warpmix.ensemble._chunks import Progress, chunked, of_true_class
from warpmix.ensemble._inputs import Integers, Numbers, check_temperature
from warpmix.ensemble._predictions import PredictionsLike

_METRICS = ("accuracy", "log_loss")
_LOG_STEPS = 2.0**32  # kLogSteps in kernels/ensemble/greedy.h
_MOST_STEPS = 100_000  # each looks at every model
_MAX_SAMPLES = 2**26  # whose log-losses still fit 64 bits in those steps


@dataclass(frozen=True)
class GreedyPath:
    """One run of greedy selection.

    Attributes:
        members: [size] int64 models in the order in which they were added, some of them often.
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
        paths: the runs, one a bag.
    """

    weights: Tensor
    paths: tuple[GreedyPath, ...]

    @property
    def models(self) -> list[int]:
        """The models with a weight, the largest first, ties to the lower index."""
        order = torch.argsort(self.weights, descending=True, stable=True).tolist()
        return [model for model in order if self.weights[model] > 0]


def select_greedy(
    predictions: PredictionsLike,
    targets: Integers,
    size: SupportsIndex = 50,
    *,
    metric: str = "accuracy",
    initial: SupportsIndex = 0,
    bags: SupportsIndex = 1,
    bag_fraction: SupportsFloat = 0.5,
    seed: SupportsIndex = 0,
    logits: bool | None = None,
    temperature: SupportsFloat | Numbers | None = None,
    device: torch.device | str | None = None,
    progress: Progress | None = None,
) -> Selection:
    """Select an ensemble greedily, with replacement (Caruana et al., ICML 2004).

    Starting from nothing, the model that helps the soft vote most is added, ``size`` times; then
    the best prefix is kept. Ties go to the lower model. Sums run in float64 in the order in which
    models are added, log-losses in steps of 2^-32, so the CPU and a GPU select the same.

    Args:
        predictions: [M, N, C], as :func:`vote`, of validation data; all of it is held in memory,
            as float32.
        targets: [N] true classes, of any integer dtype; N from 1 to 2^26.
        size: how often a model is added, from 1 to 100,000; so many ``bags`` there may be, too.
        metric: "accuracy", or "log_loss" of the mean probability (at least 1e-15).
        initial: this many best single models are added first ("sorted initialization"); at most
            ``size``.
        bags: selections whose weights are averaged; with more than one, each selects from a random
            ``bag_fraction`` of the models, in (0, 1] ("bagged selection"), drawn by ``seed``.
        logits, temperature, device: as :func:`vote`.
        progress: called with (steps done, of all).

    Raises:
        TypeError, ValueError: as :func:`vote`; sizes, metric or fraction out of range.
    """
    source = chunked(predictions, logits, device=device)
    models, samples, _ = source.shape
    if metric not in _METRICS:
        raise ValueError(f"metric must be one of {', '.join(_METRICS)}, got {shown(metric)}")
    if not 1 <= samples <= _MAX_SAMPLES:
        raise ValueError(f"predictions must hold 1 to 2^26 samples to select on, got {samples}")
    size = check_integer("size", size, 1, _MOST_STEPS)
    bags = check_integer("bags", bags, 1, _MOST_STEPS)
    bag_fraction = check_real("bag_fraction", bag_fraction, 1.0, closed=True)
    choices = models if bags == 1 else max(round(bag_fraction * models), 1)
    initial = check_integer("initial", initial, 0, min(size, choices))
    seed = check_integer("seed", seed, 0, 2**63 - 1)
    true_classes = source.targets(targets)
    inverse_temperature = check_temperature(temperature, models, source.device)
    planes = source.probabilities(source.load(), 0, inverse_temperature)
    true_class = of_true_class(planes, true_classes)
    paths = []
    for bag, allowed in enumerate(_bags(bags, choices, models, seed)):
        steps = _Steps(None if metric == "log_loss" else planes, true_class, true_classes)
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
        planes: [M, C, N] float32 probabilities, or None to score by log-loss.
        true_class: [M, N] float32, those of the true class.
        targets: [N] int64.
    """

    def __init__(self, planes: Tensor | None, true_class: Tensor, targets: Tensor) -> None:
        self.planes, self.true_class, self.targets = planes, true_class, targets
        self.total = None if planes is None else torch.zeros_like(planes[0], dtype=torch.float64)
        self.true_class_total = torch.zeros_like(true_class[0], dtype=torch.float64)

    def run(self, size: int, initial: int, allowed: Tensor, metric: str) -> GreedyPath:
        allowed = allowed.to(self.true_class.device)
        first = self._scores(0, allowed)
        start = torch.argsort(first, descending=True, stable=True)[:initial]
        members, reached = [], []
        for step in range(size):
            scores = self._scores(step, allowed) if step else first
            # argmax takes the first of equals, by its documentation. The choice stays on the
            # device: no step waits for the one before it.
            chosen = (start[step] if step < initial else scores.argmax()).reshape(1)
            members.append(chosen)
            reached.append(scores[chosen])
            self._add(chosen)
        counted = torch.cat(reached).cpu().double() / self.true_class.shape[1]
        natural = counted if metric == "accuracy" else -counted / _LOG_STEPS
        return GreedyPath(torch.cat(members).cpu(), natural, int(counted.argmax()) + 1)

    def _scores(self, members: int, allowed: Tensor) -> Tensor:
        scores = ops.greedy_scores(
            self.planes, self.true_class, self.total, self.true_class_total, self.targets, members
        )
        return torch.where(allowed, scores, torch.iinfo(torch.int64).min)

    def _add(self, model: Tensor) -> None:
        self.true_class_total += self.true_class[model][0]
        if self.planes is not None and self.total is not None:
            self.total += self.planes[model][0]


def _bags(bags: int, choices: int, models: int, seed: int) -> list[Tensor]:
    """Return [M] bool for each bag: the models that it selects from."""
    if bags == 1:
        return [torch.ones(models, dtype=torch.bool)]
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.zeros(bags, models, dtype=torch.bool)
    for mask in drawn:
        mask[torch.randperm(models, generator=generator)[:choices]] = True
    return list(drawn)
