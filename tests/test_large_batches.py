"""Batches too large for malloc to keep: huge pages on a Linux CPU, and like any other tensor."""

from __future__ import annotations

import gc
import mmap
import pickle

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from warpmix import _tensors
from warpmix.augment import CutMix, GaussianBlur, Pipeline, RandomErasing

SHAPE = (3, 3, 24, 40)
huge = pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="huge pages are Linux's")


@pytest.fixture
def all_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_tensors, "_KEPT_BYTES", 0)


@pytest.fixture
def images() -> torch.Tensor:
    return torch.randint(0, 256, SHAPE, dtype=torch.uint8)


def made(shape: tuple[int, int, int, int] = SHAPE, **options: object) -> torch.Tensor:
    settings = {"dtype": torch.float32, "device": torch.device("cpu"), "channels_last": True}
    return _tensors.empty_batch(shape, **settings | options)  # type: ignore[arg-type]


def is_mapped(batch: torch.Tensor) -> bool:
    """Whether it begins where a huge page does, which malloc's blocks, behind a header, do not."""
    return batch.data_ptr() % _tensors._HUGE_PAGE == 0


@huge
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.uint8])
@pytest.mark.parametrize("channels_last", [True, False])
def test_layout_and_size_are_those_of_torch_empty(
    all_large: None, dtype: torch.dtype, channels_last: bool
) -> None:
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    expected = torch.empty(SHAPE, dtype=dtype, memory_format=memory_format)
    batch = made(dtype=dtype, channels_last=channels_last)
    assert is_mapped(batch)
    assert (batch.shape, batch.dtype, batch.stride()) == (SHAPE, dtype, expected.stride())
    assert batch.untyped_storage().nbytes() == expected.untyped_storage().nbytes()
    assert batch.storage_offset() == 0


@huge
def test_only_what_malloc_does_not_keep_is_mapped() -> None:
    side = 2048
    assert not is_mapped(made((1, 2, side, side)))  # 32 MiB
    assert is_mapped(made((1, 3, side, side)))


@huge
@pytest.mark.parametrize("channels_last", [True, False])
def test_same_bytes_as_into_a_ready_batch(
    all_large: None, images: torch.Tensor, channels_last: bool
) -> None:
    listed = [GaussianBlur(3), CutMix(), RandomErasing()]  # launches with a batch in between
    pipeline = Pipeline(listed, mean=0.5, std=0.25, channels_last=channels_last, seed=3)
    labels, ids = torch.arange(len(images)), torch.arange(len(images))
    batch, _ = pipeline(images, labels, ids=ids)
    ready = torch.empty(batch.shape)
    pipeline(images, labels, ids=ids, out=ready)
    assert is_mapped(batch)
    assert torch.equal(batch, ready)


@huge
def test_memory_lives_as_long_as_what_looks_at_it(all_large: None) -> None:
    batch = made()
    batch.fill_(7.0)
    part, array = batch[1:], batch.numpy()
    del batch
    gc.collect()
    others = [made().zero_() for _ in range(4)]
    assert (part == 7.0).all()
    assert (array == 7.0).all()
    assert not any(other.any() for other in others)


@huge
def test_a_batch_can_be_pickled_shared_and_trained_on(all_large: None) -> None:
    batch = made().fill_(2.0)
    assert torch.equal(pickle.loads(pickle.dumps(batch)), batch)
    batch.requires_grad_().square().sum().backward()
    assert batch.grad is not None
    assert (batch.grad == 4.0).all()
    assert (made().fill_(2.0).share_memory_() == 2.0).all()


@huge
def test_a_kernel_without_huge_pages_gives_ordinary_memory(
    all_large: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refusing(mmap.mmap):
        def madvise(self, *arguments: object) -> None:
            raise OSError(22, "Invalid argument")

    monkeypatch.setattr(mmap, "mmap", Refusing)
    batch = made()
    assert not is_mapped(batch)
    assert batch.shape == SHAPE


def test_a_fake_batch_takes_no_memory(all_large: None) -> None:
    pipeline = Pipeline([RandomErasing()]).eval()
    with FakeTensorMode():
        batch = pipeline(torch.empty(SHAPE, dtype=torch.uint8))
    assert type(batch).__name__ == "FakeTensor"
    assert batch.shape == SHAPE


def test_an_empty_batch_needs_no_pages(all_large: None) -> None:
    assert made((0, 3, 4, 4)).shape == (0, 3, 4, 4)
