"""Arrays of users: strides, byte order, layouts, names in a .npz file, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

from warpmix.data import Dataset, from_arrays, load
from warpmix.data.sources import has_labels, splits_of

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 5, 4, 3)).astype(np.uint8)
LABELS = np.arange(6) % 2


# ---- forms --------------------------------------------------------------------------------------


@pytest.mark.parametrize("flip", [np.s_[::-1], np.s_[:, ::-1], np.s_[:, :, ::-1], np.s_[..., ::-1]])
def test_negative_strides(flip: Any) -> None:
    dataset = from_arrays(IMAGES[flip], LABELS[::-1])
    assert dataset.images.equal(torch.from_numpy(IMAGES[flip].copy()))
    assert dataset.labels.tolist() == [1, 0, 1, 0, 1, 0]


@pytest.mark.parametrize("dtype", [">i8", ">i4", ">u2", "<i2", "u1", "i1"])
def test_labels_of_any_width_and_byte_order(dtype: str) -> None:
    labels = LABELS.astype(dtype)[:, None]
    assert from_arrays(IMAGES, labels).labels.tolist() == LABELS.tolist()


def test_gaps_and_memory_that_cannot_be_written(recwarn: pytest.WarningsRecorder) -> None:
    fixed = IMAGES.copy()
    fixed.flags.writeable = False
    assert from_arrays(fixed[::2, :, ::2], LABELS[::2]).images.equal(
        torch.from_numpy(IMAGES[::2, :, ::2].copy())
    )
    assert not recwarn.list


# ---- layouts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shape", "height_width_channels"),
    [
        ((2, 3, 32, 32), (32, 32, 3)),
        ((2, 32, 32, 3), (32, 32, 3)),
        ((2, 1, 28, 28), (28, 28, 1)),
        ((2, 28, 28, 1), (28, 28, 1)),
        ((2, 4, 4, 3), (4, 4, 3)),
        ((2, 3, 4, 4), (4, 4, 3)),
        ((2, 9, 9, 4), (9, 9, 4)),
        ((2, 4, 9, 9), (9, 9, 4)),
        ((2, 8, 9), (8, 9, 1)),
    ],
)
def test_the_axis_of_the_channels_is_found(
    shape: tuple[int, ...], height_width_channels: tuple[int, ...]
) -> None:
    images = np.arange(np.prod(shape)).reshape(shape).astype(np.uint8)
    dataset = from_arrays(images, [0, 1])
    assert dataset.images.shape == (2, *height_width_channels)
    planar = len(shape) == 4 and shape[1] == height_width_channels[2]
    expected = images.transpose(0, 2, 3, 1) if planar else images
    assert dataset.images.flatten().tolist() == expected.flatten().tolist()


@pytest.mark.parametrize("shape", [(2, 3, 8, 3), (2, 3, 8, 1), (2, 4, 4, 4), (2, 28, 28, 28)])
def test_a_layout_in_doubt_is_asked_for(shape: tuple[int, ...]) -> None:
    images = np.zeros(shape, np.uint8)
    with pytest.raises(ValueError, match=r"say which with layout='NHWC' or layout='NCHW'"):
        from_arrays(images, [0, 1])
    assert from_arrays(images, [0, 1], layout="NHWC").images.shape == shape
    turned = (shape[0], shape[2], shape[3], shape[1])
    assert from_arrays(images, [0, 1], layout="NCHW").images.shape == turned


# ---- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("images", "remedy"),
    [
        (IMAGES.astype(np.float32) / 255, "(images * 255).round().to(torch.uint8)"),
        (IMAGES.astype(np.float64) / 127.5 - 1, "((images + 1) * 127.5).round().to(torch.uint8)"),
        (IMAGES.astype(np.float32), "images.round().to(torch.uint8)"),
        (IMAGES.astype(np.int64), "images.to(torch.uint8)"),
        (IMAGES.astype(np.uint16) * 257, "(images / 257).round().to(torch.uint8)"),
        (IMAGES > 127, "images.to(torch.uint8) * 255"),
    ],
)
def test_the_remedy_for_other_dtypes_keeps_the_image(images: Any, remedy: str) -> None:
    with pytest.raises(TypeError, match=r"images must be a torch\.uint8 tensor") as caught:
        from_arrays(images, LABELS)
    assert str(caught.value).endswith(f"with {remedy}")
    made = eval(remedy, {"torch": torch, "images": torch.from_numpy(images)})
    shown = (IMAGES > 127) * 255 if images.dtype == bool else IMAGES
    assert made.tolist() == shown.tolist()


def test_values_of_no_known_range_are_named() -> None:
    normalised = (IMAGES.astype(np.float32) - 127) / 20
    with pytest.raises(TypeError, match=r"bring its values, from -6.35 to 6.4, to 0..255"):
        from_arrays(normalised, LABELS)


@pytest.mark.parametrize(
    ("images", "labels", "error", "message"),
    [
        (IMAGES.reshape(6, -1), LABELS, ValueError, r"got the shape \[6, 60\]"),
        (IMAGES, np.eye(2)[LABELS].astype(int), ValueError, r"labels.argmax\(1\)"),
        (IMAGES, np.array(list("ababab")), TypeError, "labels must be an array of numbers"),
        ([[1, 2], [3]], [0, 1], ValueError, "images must all be of one shape"),
    ],
)
def test_other_arrays_are_refused(
    images: Any, labels: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        from_arrays(images, labels)


# ---- .npz files ---------------------------------------------------------------------------------


def parts(form: str) -> dict[str, npt.NDArray[Any]]:
    """Three, two and one images for training, validation and test, whose labels are [N, 1]."""
    arrays = {}
    for split, rows in (("train", np.s_[:3]), ("val", np.s_[3:5]), ("test", np.s_[5:])):
        images, labels = form.format(split, split).split()
        arrays[images], arrays[labels] = IMAGES[rows], LABELS[rows, None].astype(np.uint8)
    return arrays


@pytest.mark.parametrize(
    "form",
    [
        "{}_images {}_labels",  # MedMNIST
        "x_{} y_{}",
        "X_{} y_{}",
        "X_{} Y_{}",
        "images_{} labels_{}",
    ],
)
def test_names_of_splits(tmp_path: Path, form: str) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, **parts(form))
    assert splits_of(path) == ("train", "val", "test") and has_labels(path, "test")
    read: list[Dataset] = [load(path, split) for split in ("train", "val", "test")]
    assert torch.cat([part.images for part in read]).equal(torch.from_numpy(IMAGES))
    assert torch.cat([part.labels for part in read]).tolist() == LABELS.tolist()


def test_a_file_of_training_images_alone(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, X_train=IMAGES.transpose(0, 3, 1, 2), y_train=LABELS, X_test=IMAGES)
    assert load(path).images.equal(torch.from_numpy(IMAGES))
    assert splits_of(path) == ("train",) and not has_labels(path, "test")
    with pytest.raises(ValueError, match=r"must hold .*'x_test' and 'y_test'.*got X_test, X_train"):
        load(path, "test")


def test_errors_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez(path, images=IMAGES / 255, labels=LABELS)
    with pytest.raises(ValueError, match=r"data.npz: images must be .*\(images \* 255\)"):
        load(path)
    np.savez(path, x=IMAGES, y=LABELS, X=IMAGES)
    with pytest.raises(ValueError, match=r"data.npz has arrays whose names differ in case alone"):
        load(path)


@pytest.mark.parametrize("name", ["photos.zip", "notes.txt", "missing.npz"])
def test_other_files_are_no_data(tmp_path: Path, name: str) -> None:
    if "missing" not in name:
        (tmp_path / name).write_bytes(b"no arrays")
    assert splits_of(tmp_path / name) == ("train", "test")
    with pytest.raises(FileNotFoundError, match=r"(no data|does not exist)"):
        load(tmp_path / name)
