"""One vote over the predictions of many models, beside scikit-learn, NumPy and PyTorch."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from augment_rows import CPU_CACHE, with_threads
from torch import Tensor

import warpmix


@dataclass(frozen=True)
class VoteCase:
    device: str
    models: int
    samples: int
    classes: int = 10
    threads: int = 1

    def __str__(self) -> str:
        text = f"{self.device}: {self.models} x {self.samples:,} x {self.classes} float32"
        return with_threads(text, self.device, self.threads)

    @property
    def batch(self) -> int:
        return self.samples

    @property
    def moved(self) -> int:
        return self.models * self.samples * self.classes * 4

    @property
    def sets(self) -> int:
        return max(2, -(-CPU_CACHE // self.moved))


@functools.lru_cache(maxsize=1)
def predictions(case: VoteCase) -> Tensor:
    """[sets, models, samples, classes]."""
    shape = (case.sets, case.models, case.samples, case.classes)
    logits = torch.randn(shape, device=case.device)
    return torch.softmax(logits * 3, -1)


class VoteWork:
    """What the rows of one case run on; see :class:`augment_rows.Work`."""

    def __init__(self, case: VoteCase) -> None:
        self.case = case
        self.step = torch.zeros(1, dtype=torch.int64)
        self.predictions = predictions(case)

    def set(self, number: int, count: int | None = None) -> Tensor:
        """[models, samples, classes] of a round."""
        one = self.predictions[number % self.case.sets]
        return one if count is None else one[:, :count].contiguous()


def package(how: str, work: VoteWork, batch: Tensor) -> Any:
    return warpmix.vote(batch, how).labels


class _Stored:
    """A fitted classifier whose predictions are there already."""

    def __init__(self, probabilities: np.ndarray) -> None:
        self.probabilities = probabilities

    def predict_proba(self, samples: np.ndarray) -> np.ndarray:
        return self.probabilities

    def predict(self, samples: np.ndarray) -> np.ndarray:
        return self.probabilities.argmax(1)


def sklearn(how: str, work: VoteWork, batch: Tensor) -> Any:
    """What its VotingClassifier does with the predictions of its fitted members."""
    from sklearn.ensemble import VotingClassifier
    from sklearn.preprocessing import LabelEncoder

    members = [(str(i), _Stored(one)) for i, one in enumerate(batch.numpy())]
    voting = VotingClassifier(members, voting=how)
    voting.estimators_ = [member for _, member in members]
    voting.le_ = LabelEncoder().fit(np.arange(work.case.classes))
    voting.classes_ = voting.le_.classes_
    return voting.predict(np.zeros((batch.shape[1], 1), np.float32))


def numpy(how: str, work: VoteWork, batch: Tensor) -> Any:
    probabilities, (_, samples, classes) = batch.numpy(), batch.shape
    if how == "soft":
        return probabilities.mean(0).argmax(1)
    cells = probabilities.argmax(2) + classes * np.arange(samples)
    return np.bincount(cells.ravel(), minlength=samples * classes).reshape(-1, classes).argmax(1)


def pytorch(how: str, work: VoteWork, batch: Tensor) -> Any:
    if how == "soft":
        return batch.mean(0).argmax(1)
    votes = torch.nn.functional.one_hot(batch.argmax(2), work.case.classes)
    return votes.sum(0).argmax(1)


def floor(work: VoteWork, batch: Tensor) -> Any:
    """One read."""
    return batch.sum()
