"""Calls without ids: no two epochs, workers or ranks draw the same numbers by accident."""

from __future__ import annotations

import copy
import itertools
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch
from test_pipeline import CARD, IDS, batch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

import warpmix
from warpmix import CutMix, Pipeline, RandomAffine, RandomContrast, RandomRotation, RandomShift
from warpmix.augment.keys import rank

LISTED = (RandomRotation(180), RandomContrast((0.5, 2.0)))
BITS = 48  # of the two draws of a sample: an angle and a factor, each of 2^24 values


class Drawn(Dataset[Tensor]):
    """Each item is what a pipeline draws for one image: [2] float32, an angle and a factor."""

    def __init__(self, pipeline: Pipeline, count: int = 16) -> None:
        self.pipeline, self.count = pipeline, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, i: int) -> Tensor:
        return drawn(self.pipeline, torch.zeros(1, 3, 4, 4, dtype=torch.uint8))[0]


def drawn(pipeline: Pipeline, images: Tensor) -> Tensor:
    """[B, 2] float32: the angle and the factor that the pipeline draws next."""
    rotation, contrast = pipeline.draw(images=images).named()
    return torch.stack([rotation["degrees"], contrast["factor"]], 1)


class Collate:
    """A ``collate_fn`` that augments: the pipeline sees the batch."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline

    def __call__(self, samples: list[Tensor]) -> Tensor:
        return drawn(self.pipeline, torch.zeros(len(samples), 3, 4, 4, dtype=torch.uint8))


def assert_distinct(rows: Tensor, expected_count: int) -> None:
    """No two rows are equal; of independent ones fewer than 1e-8 pairs would be, on average."""
    pairs = len(rows) * (len(rows) - 1) / 2
    assert pairs / 2**BITS < 1e-8
    assert len(rows) == expected_count
    assert len(rows.unique(dim=0)) == len(rows)
    # Neither draw alone repeats beyond chance: pairs / 2^24 on average, and Poisson's 1e-9 above.
    for column in rows.unbind(1):
        repeated = len(rows) - len(column.unique())
        assert repeated <= 6 + 10 * pairs / 2**24


def of_ranks(
    monkeypatch: pytest.MonkeyPatch, ranks: int, epochs: Callable[[], list[Tensor]]
) -> Tensor:
    """The draws of all epochs on all ranks, which all have the same seed of torch."""
    parts = []
    for number in range(ranks):
        monkeypatch.setenv("RANK", str(number))
        torch.manual_seed(0)
        parts += epochs()
    return torch.cat(parts)


def passes(loader: DataLoader[Tensor], epochs: int) -> list[Tensor]:
    return [torch.cat([item.reshape(-1, 2) for item in loader]) for _ in range(epochs)]


# ---- workers, ranks, epochs -------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:This DataLoader will create 8 worker processes")
@pytest.mark.parametrize("seed", [5, None])
def test_eight_workers_two_ranks_three_epochs(
    seed: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A seed that all share is the hardest case; the pipeline is made once, before all of them."""
    pipeline = Pipeline(LISTED, seed=seed)
    dataset = Drawn(pipeline)
    rows = of_ranks(
        monkeypatch,
        2,
        lambda: passes(DataLoader(dataset, 1, num_workers=8, multiprocessing_context="fork"), 3),
    )
    assert_distinct(rows, 2 * 3 * 16)
    if seed is None:
        assert pipeline._key._value < 0  # each worker took a key of its own


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("collates", [True, False])
def test_persistent_workers_and_batches(
    collates: bool, taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that was taken before the workers were forked is every worker's, and yet not."""
    pipeline = Pipeline(LISTED)
    if taken:
        assert pipeline.key >= 0
    options: dict[str, Any] = {"num_workers": 2, "persistent_workers": True, "batch_size": 4}
    if collates:
        options["collate_fn"] = Collate(pipeline)
    rows = of_ranks(
        monkeypatch,
        2,
        lambda: passes(DataLoader(Drawn(pipeline), multiprocessing_context="fork", **options), 2),
    )
    assert_distinct(rows, 2 * 2 * 16)


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_that_are_not_forked(method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """They know their rank from the pipeline that is sent to them, even without an environment."""
    dataset = Drawn(Pipeline(LISTED, seed=5), 8)
    loader = DataLoader(dataset, 2, num_workers=1, multiprocessing_context=method)
    started = []
    for number in range(2):
        monkeypatch.setattr("warpmix.augment.keys.rank", lambda number=number: number)
        torch.manual_seed(0)
        started.append(iter(loader))  # both import torch at the same time
    assert_distinct(torch.cat([item for epoch in started for item in epoch]), 2 * 8)


def test_a_rank_is_kept_through_copies_and_an_environments_other_words_are_none() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RANK", "3")
        sent = pickle.dumps(Pipeline(LISTED, seed=5))
        for word in ("", "gold"):
            patch.setenv("RANK", word)
            assert rank() == 0
    arrived = pickle.loads(sent)
    for pipeline in (arrived, copy.deepcopy(arrived), arrived.replace(p=0.5)):
        assert pipeline._key._home_rank == 3
        assert pipeline._key.of_process == 5  # it counts in a DataLoader's workers alone


def test_one_process_counts_on_from_epoch_to_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    def epochs() -> list[Tensor]:
        dataset = Drawn(Pipeline(LISTED, seed=5))
        return passes(DataLoader(dataset, 1, num_workers=0), 3)

    rows = of_ranks(monkeypatch, 2, epochs)
    assert_distinct(rows, 2 * 3 * 16)
    monkeypatch.delenv("RANK")
    alone = torch.cat(epochs())
    assert torch.equal(alone, rows[: len(alone)])  # rank 0 is a process alone
    ids = torch.arange(len(alone))
    images = torch.zeros(1, 3, 4, 4, dtype=torch.uint8).expand(len(ids), -1, -1, -1)
    rotation, _ = Pipeline(LISTED, seed=5).draw(ids, images=images).named()
    assert torch.equal(alone[:, 0], rotation["degrees"])  # and counts ids 0, 1, 2, ...


class Augmented(Dataset[Tensor]):
    """Each item is one image as a transform alone makes it."""

    def __len__(self) -> int:
        return 8

    def __getitem__(self, i: int) -> Tensor:
        image = batch(1, (16, 16))[0]
        return RandomAffine(180, scale=(0.5, 2.0))(image)[None]


def test_transforms_alone_in_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    def epochs() -> list[Tensor]:
        loader = DataLoader(Augmented(), None, num_workers=2, multiprocessing_context="fork")
        return [torch.cat(list(loader)) for _ in range(2)]

    images = of_ranks(monkeypatch, 2, epochs)
    assert len(images.flatten(1).unique(dim=0)) == len(images) == 2 * 2 * 8


def test_with_ids_rank_and_worker_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    want = Pipeline(CARD, seed=5)(batch(), IDS, ids=IDS + 3, epoch=2)[0]
    alone = RandomShift(0.5)(batch(), seed=5)
    monkeypatch.setenv("RANK", "3")
    assert torch.equal(Pipeline(CARD, seed=5)(batch(), IDS, ids=IDS + 3, epoch=2)[0], want)
    assert torch.equal(RandomShift(0.5)(batch(), seed=5), alone)
    assert not torch.equal(Pipeline(CARD, seed=5)(batch(), IDS)[0], want)


# ---- a key from torch's generator -------------------------------------------------------------


def made(pipeline: Pipeline) -> Tensor:
    images: Tensor = pipeline(batch(), IDS)[0]
    return images


def test_manual_seed_means_what_it_says() -> None:
    torch.manual_seed(1)
    first = [made(Pipeline(CARD)) for _ in range(2)]
    torch.manual_seed(1)
    pipelines = [Pipeline(CARD) for _ in range(2)]  # a key is taken when it is needed, not here
    assert all(torch.equal(made(p), want) for p, want in zip(pipelines, first, strict=True))
    assert not torch.equal(*first)
    torch.manual_seed(2)
    assert not torch.equal(made(Pipeline(CARD)), first[0])
    assert pipelines[0].seed is None
    again = Pipeline(CARD, seed=pipelines[0].key)
    assert torch.equal(made(again), first[0]) and torch.equal(made(again), made(pipelines[0]))


def test_what_is_not_random_leaves_the_generator_alone() -> None:
    torch.manual_seed(1)
    want = torch.rand(3)
    torch.manual_seed(1)
    Pipeline(mean=0.5, std=0.5)(batch())
    Pipeline(CARD).eval()(batch(), IDS)
    Pipeline(CARD, p=0.0)(batch(), IDS)
    Pipeline(CARD, seed=3)(batch(), IDS)
    warpmix.Resize(16)(batch())
    RandomShift(0.5)(batch(), seed=3)
    assert torch.equal(torch.rand(3), want)


@pytest.mark.parametrize("make", [copy.deepcopy, lambda p: pickle.loads(pickle.dumps(p))])
def test_copies_of_a_pipeline_that_has_no_key_take_their_own(make: Any) -> None:
    pipeline = Pipeline(CARD)
    copies = [pipeline, make(pipeline), make(pipeline)]
    batches = [made(p) for p in copies]
    assert len({p.key for p in copies}) == 3
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(batches, 2))


def test_compiled_pipelines_take_their_own_keys() -> None:
    """What torch.compile has traced for one pipeline must not serve another with the same key."""

    images = batch()

    def step(pipeline: Pipeline) -> Tensor:
        augmented: Tensor = pipeline(images, IDS)[0]
        return augmented

    torch._dynamo.reset()
    compiled = torch.compile(step, fullgraph=True)
    pipelines = [Pipeline([RandomShift(0.5), CutMix()]) for _ in range(2)]
    for pipeline in pipelines:
        eager = [compiled(pipeline) for _ in range(2)]
        twin = pipeline.replace(seed=pipeline.key)
        twin.samples_seen.zero_()
        assert all(torch.equal(made(twin), augmented) for augmented in eager)
    assert pipelines[0].key != pipelines[1].key


@pytest.mark.parametrize("strict", [True, False])
def test_an_exported_pipeline_counts_on(strict: bool) -> None:
    pipeline = Pipeline([RandomShift(0.5), CutMix()], seed=5)
    exported = torch.export.export(pipeline, (batch(), IDS), strict=strict).module()
    want = Pipeline([RandomShift(0.5), CutMix()], seed=5)
    for _ in range(2):
        assert torch.equal(exported(batch(), IDS)[0], made(want))
    torch.export.export(Pipeline([CutMix()]), (batch(), IDS), strict=strict)
