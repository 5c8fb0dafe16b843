"""Batches too large for malloc to keep: they take up the memory of earlier ones, and are like any
other tensor."""

from __future__ import annotations

import gc
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from warpmix import _tensors
from warpmix.augment import (
    CutMix,
    GaussianBlur,
    Pipeline,
    RandomContrast,
    RandomErasing,
    RandomHorizontalFlip,
    RandomRotation,
)

SHAPE = (3, 3, 24, 40)


@pytest.fixture
def all_large(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_tensors, "_KEPT_BYTES", 0)
    _tensors._free.clear()
    yield
    _tensors._free.clear()


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, SHAPE, dtype=torch.uint8)


def made(shape: tuple[int, int, int, int] = SHAPE, **options: object) -> torch.Tensor:
    settings = {"dtype": torch.float32, "device": torch.device("cpu"), "channels_last": True}
    return _tensors.empty_batch(shape, **settings | options)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.uint8])
@pytest.mark.parametrize("channels_last", [True, False])
def test_layout_and_size_are_those_of_torch_empty(
    all_large: None, dtype: torch.dtype, channels_last: bool
) -> None:
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    expected = torch.empty(SHAPE, dtype=dtype, memory_format=memory_format)
    batch = made(dtype=dtype, channels_last=channels_last)
    assert (batch.shape, batch.dtype, batch.stride()) == (SHAPE, dtype, expected.stride())
    assert batch.untyped_storage().nbytes() == expected.untyped_storage().nbytes()
    assert batch.storage_offset() == 0
    assert batch.data_ptr() % 64 == 0


def test_memory_is_used_again_once_nothing_refers_to_it(all_large: None) -> None:
    first = made()
    place = first.data_ptr()
    assert made().data_ptr() != place
    part = first[1:]
    del first
    assert made().data_ptr() != place
    del part
    assert place in {batch.data_ptr() for batch in (made(), made())}


def test_only_large_batches_take_it(all_large: None, monkeypatch: pytest.MonkeyPatch) -> None:
    size = made().nbytes
    for least, most in ((size, 2**30), (0, size - 1)):
        _tensors._free.clear()
        monkeypatch.setattr(_tensors, "_KEPT_BYTES", least)
        monkeypatch.setattr(_tensors, "_MOST_BYTES", most)
        made()
        assert not _tensors._free


def test_two_blocks_are_kept_at_most(all_large: None) -> None:
    batches = [made() for _ in range(5)]
    del batches
    gc.collect()
    assert len(_tensors._free) == 2


def test_a_block_is_not_taken_for_half_of_it(all_large: None) -> None:
    place = made((4, 3, 64, 64)).data_ptr()
    assert made((1, 3, 64, 64)).data_ptr() != place
    assert made((3, 3, 64, 64)).data_ptr() == place


@pytest.mark.parametrize("channels_last", [True, False])
def test_same_bytes_as_into_a_ready_batch(
    all_large: None, images: torch.Tensor, channels_last: bool
) -> None:
    listed = [GaussianBlur(3), CutMix(), RandomErasing()]  # launches with a batch in between
    pipeline = Pipeline(listed, mean=0.5, std=0.25, channels_last=channels_last, seed=3)
    labels, ids = torch.arange(len(images)), torch.arange(len(images))
    for _ in range(3):
        batch, _ = pipeline(images, labels, ids=ids)
        ready = torch.empty(batch.shape)
        pipeline(images, labels, ids=ids, out=ready)
        assert torch.equal(batch, ready)


def test_what_looks_at_a_batch_keeps_its_values(all_large: None) -> None:
    batch = made()
    batch.fill_(7.0)
    part, array, saved = batch[1:], batch.numpy(), (batch * 1.0).requires_grad_() * batch
    del batch
    gc.collect()
    others = [made().zero_() for _ in range(4)]
    assert (part == 7.0).all()
    assert (array == 7.0).all()
    assert saved.grad_fn is not None and saved.sum().backward() is None
    assert not any(other.any() for other in others)


def test_values_that_only_autograd_looks_at_are_kept(all_large: None) -> None:
    weight = torch.full(SHAPE, 2.0, requires_grad=True)
    loss = (made().fill_(3.0) * weight).sum()
    for _ in range(4):
        made().zero_()
    loss.backward()
    assert weight.grad is not None
    assert (weight.grad == 3.0).all()


def test_a_batch_can_be_pickled_and_shared(all_large: None) -> None:
    batch = made().fill_(2.0)
    assert torch.equal(pickle.loads(pickle.dumps(batch)), batch)
    assert (made().fill_(2.0).share_memory_() == 2.0).all()


def test_threads_never_share_a_block(all_large: None) -> None:
    def work(number: int) -> bool:
        kept = True
        for _ in range(200):
            batch = made().fill_(float(number))
            kept &= bool((batch == float(number)).all())
        return kept

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(8)))


def test_a_fake_batch_takes_no_memory(all_large: None) -> None:
    pipeline = Pipeline([RandomErasing()]).eval()
    with FakeTensorMode():
        batch = pipeline(torch.empty(SHAPE, dtype=torch.uint8))
    assert type(batch).__name__ == "FakeTensor"
    assert batch.shape == SHAPE


def test_an_empty_batch_takes_none_either(all_large: None) -> None:
    assert made((0, 3, 4, 4)).shape == (0, 3, 4, 4)
    assert not _tensors._free


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("size", [(209, 211), (210, 212)])
def test_rows_of_any_width_are_written_past_the_caches(
    size: tuple[int, int], channels_last: bool
) -> None:
    """As batches of more than 24 MiB are, by vectors that need whole ones at their addresses."""
    images = torch.randint(0, 256, (50, 3, *size), dtype=torch.uint8)
    for transforms in ([RandomHorizontalFlip()], [RandomRotation(9.0)], [RandomContrast((0.5, 2))]):
        pipeline = Pipeline(transforms, seed=1, channels_last=channels_last)
        ids = torch.arange(50)
        batch = pipeline(images, ids=ids)
        assert batch.nbytes > 24 << 20
        for begin in range(0, 50, 10):
            part = slice(begin, begin + 10)
            assert torch.equal(batch[part], pipeline(images[part], ids=ids[part]))
