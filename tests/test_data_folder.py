"""Image folders: layouts, kinds of pixels, sizes, bad files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from warpmix.data import Dataset, list_folder, load
from warpmix.data.images import BadImageError, read_image
from warpmix.data.sources import has_labels, splits_of


def save(path: Path, pixels: npt.ArrayLike, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels)).save(path, **options)
    return path


def flat(value: int, height: int = 4, width: int = 4) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def values(dataset: Dataset) -> list[int]:
    """The first byte of each image."""
    return dataset.images[:, 0, 0, 0].tolist()


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """train and test folders of two classes; the files' first bytes tell them apart."""
    for number, name in enumerate(["train/cat/b.png", "train/cat/a.PNG", "train/ant/z.bmp"]):
        save(tmp_path / name, flat(number))
    save(tmp_path / "test/cat/a.png", flat(9))
    return tmp_path


# ---- layouts ------------------------------------------------------------------------------------


def test_parts_share_the_classes_of_train(parts: Path) -> None:
    train, test = load(parts, "train"), load(parts, "test")
    assert train.classes == test.classes == ("ant", "cat")
    assert (train.labels.tolist(), values(train)) == ([0, 1, 1], [2, 1, 0])  # sorted by name
    assert (test.labels.tolist(), values(test)) == ([1], [9])
    assert train.name == parts.name


@pytest.mark.parametrize("name", ["val", "valid", "validation"])
def test_validation_folders_stand_in_for_test(parts: Path, name: str) -> None:
    (parts / "test").rename(parts / name)
    assert values(load(parts, "test")) == values(load(parts, "val")) == [9]


def test_a_folder_of_one_part_is_all_for_training(tmp_path: Path) -> None:
    for number in range(20):
        save(tmp_path / f"class{number % 2}" / f"{number:02}.png", flat(number))
    assert sorted(values(load(tmp_path, "train"))) == list(range(20))
    assert splits_of(tmp_path) == ("train",) and not has_labels(tmp_path, "test")
    with pytest.raises(FileNotFoundError, match="has no part 'test'"):
        load(tmp_path, "test")


def test_a_flat_test_folder_is_to_be_predicted(parts: Path) -> None:
    assert has_labels(parts, "test")
    (parts / "test").rename(parts / "val")
    assert has_labels(parts, "test")  # what stands in for it
    save(parts / "test/2.png", flat(2))
    save(parts / "test/1.png", flat(1))
    assert splits_of(parts) == ("train", "val", "test") and not has_labels(parts, "test")
    files = list_folder(parts, "test")
    assert files.labels is None and [path.name for path in files.paths] == ["1.png", "2.png"]
    with pytest.raises(ValueError, match="has no labels"):
        load(parts, "test")


def test_a_class_may_be_called_train(tmp_path: Path) -> None:
    for number in range(5):
        save(tmp_path / "train" / f"{number}.png", flat(number))
        save(tmp_path / "ship" / f"{number}.png", flat(number))
    assert load(tmp_path).classes == ("ship", "train")


def test_other_files_and_hidden_ones_are_passed_over(parts: Path) -> None:
    (parts / "train/cat/notes.txt").write_text("no image")
    (parts / "train/cat/.b.png").write_bytes(b"left by another program")
    (parts / "train/.cache").mkdir()
    save(parts / "train/cat/deep/er/c.png", flat(7))
    with pytest.warns(
        UserWarning, match=r"train: 1 left out: cat/notes.txt \(no image that Pillow"
    ):
        assert values(load(parts)) == [2, 1, 0, 7]


# ---- pixels -------------------------------------------------------------------------------------


def test_every_kind_of_pixel_becomes_rgb(tmp_path: Path) -> None:
    grey = Image.fromarray(np.full((2, 2), 51, np.uint8))
    colour = Image.new("RGB", (2, 2), (255, 0, 51))
    palette = colour.quantize(2)
    transparent = palette.copy()
    transparent.info["transparency"] = bytes([10, 20])
    sixteen = Image.fromarray(np.full((2, 2), 51 * 257, np.uint16))
    cases = {
        "grey.png": (grey, (51, 51, 51)),
        "grey_alpha.png": (grey.convert("LA"), (51, 51, 51)),
        "alpha.png": (Image.new("RGBA", (2, 2), (255, 0, 51, 7)), (255, 0, 51)),
        "palette.png": (palette, (255, 0, 51)),
        "transparent.png": (transparent, (255, 0, 51)),
        "sixteen.png": (sixteen, (51, 51, 51)),
        "bilevel.png": (Image.new("1", (2, 2), 1), (255, 255, 255)),
        "cmyk.tif": (Image.new("CMYK", (2, 2), (0, 255, 204, 0)), (255, 0, 51)),
    }
    for name, (image, expected) in cases.items():
        image.save(tmp_path / name)
        pixels = read_image(tmp_path / name)
        assert pixels.shape == (2, 2, 3) and pixels.dtype == np.uint8
        assert (pixels == expected).all(), name


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    upright = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: show it rotated by 90 degrees clockwise
    path = save(tmp_path / "turned.png", np.rot90(upright), exif=exif)
    assert (read_image(path) == upright).all()


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (2, 2), (value, 0, 0)) for value in (255, 0)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert (read_image(tmp_path / "moving.gif") == (255, 0, 0)).all()


# ---- sizes --------------------------------------------------------------------------------------


def test_sizes_are_the_images_own_or_given(parts: Path) -> None:
    save(parts / "train/cat/wide.png", flat(3, height=6, width=9))
    mixed = load(parts)
    assert mixed.image_size is None and "4 images of mixed sizes and 3 channels" in repr(mixed)
    assert sorted(map(tuple, mixed.images.sizes.tolist())) == [(4, 4)] * 3 + [(6, 9)]
    row = mixed.images.sizes.tolist().index([6, 9])
    assert torch.equal(mixed.picture(row), torch.from_numpy(flat(3, height=6, width=9)))
    capped = load(parts, store_size=5)
    assert capped.images.sizes.tolist()[row] == [5, 7]
    with pytest.raises(ValueError, match="store_size must be left out with image_size"):
        load(parts, image_size=8, store_size=8)
    assert load(parts, image_size=8).images.shape == (4, 8, 8, 3)
    assert load(parts, image_size=(3, 5)).image_size == (3, 5)


def test_shrinking_is_antialiased(tmp_path: Path) -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255  # one pixel wide: sampling without a filter gives all black or all white
    path = save(tmp_path / "stripes.png", stripes)
    inner = read_image(path, (8, 8))[:, 1:-1].astype(int)  # the filter is cut off at the borders
    assert np.abs(inner - 127).max() <= 1


# ---- bad files ----------------------------------------------------------------------------------


def encoded(format_name: str) -> bytes:
    noise = np.random.default_rng(0).integers(0, 256, (4, 4, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).resize((64, 64)).save(buffer, format_name)
    return buffer.getvalue()


BAD = {
    "truncated.png": encoded("PNG")[:-300],
    "truncated.jpg": encoded("JPEG")[:-300],
    "header.webp": encoded("WEBP")[:40],
    "empty.png": b"",
    "text.jpg": b"no image at all",
    "damaged.png": encoded("PNG")[:60] + b"\0" * 40 + encoded("PNG")[100:],
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_image_is_named_with_the_remedy(parts: Path, name: str) -> None:
    (parts / "train/cat" / name).write_bytes(BAD[name])
    with pytest.raises(BadImageError, match=rf"{name} is no whole image.*--skip-bad-images"):
        load(parts)


def test_bad_images_can_be_skipped_and_are_counted_and_named(parts: Path) -> None:
    for name, content in BAD.items():
        (parts / "train/cat" / name).write_bytes(content)
    with pytest.warns(UserWarning, match="6 of 9 images could not be read") as caught:
        train = load(parts, skip_bad_images=True)
    assert values(train) == [2, 1, 0]
    assert all(name in str(caught[0].message) for name in BAD)


def test_nothing_but_bad_images(tmp_path: Path) -> None:
    for name in ("train/a/1.png", "train/b/1.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="2 of 2"),
        pytest.raises(ValueError, match="none of the 2 images could be read"),
    ):
        load(tmp_path, skip_bad_images=True)


# ---- folders that do not fit --------------------------------------------------------------------


def test_folder_errors(parts: Path, tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match="has no part 'val': looked for the folders val, va"
    ):
        load(parts, "val")
    with pytest.raises(ValueError, match="split must be one of train, val, test, got 'dev'"):
        load(parts, "dev")
    save(parts / "test/dog/a.png", flat(1))
    with pytest.raises(ValueError, match="classes that the training images lack: dog"):
        load(parts, "test")
    (parts / "train/eel").mkdir()
    with pytest.raises(FileNotFoundError, match="classes without images: eel"):
        load(parts)
    (tmp_path / "bare").mkdir()
    with pytest.raises(FileNotFoundError, match=r"bare holds no images: expected <class>/<name>"):
        load(tmp_path / "bare")
