"""A folder as the world makes it: mixed sizes, and files of every kind of trouble."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from warpmix.data import load_folder, open_cache
from warpmix.data.folder import list_folder
from warpmix.data.images import BadImageError, Fit

FORMATS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP", "bmp": "BMP", "gif": "GIF"}
CLASSES = ("ant", "bee", "cat")
Folder = tuple[Path, dict[str, tuple[bytes, bool]]]  # its place; what a file holds, if readable


def photo(noise: np.random.Generator) -> Image.Image:
    """Mixed sizes, with structure enough that a cut-off file misses something."""
    height, width = noise.integers(20, 120, 2).tolist()
    coarse = noise.integers(0, 256, (4, 4, 3)).astype(np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, format_name: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format_name)
    return buffer.getvalue()


def troubles(noise: np.random.Generator) -> dict[str, tuple[bytes, bool]]:
    """Fifty files: content, and whether it is an image that can be read."""
    files: dict[str, tuple[bytes, bool]] = {}
    for i in range(8):
        image = photo(noise)
        files[f"empty{i}.jpg"] = b"", False
        files[f"text{i}.png"] = b"<html>404 not found</html>" * 20, False
        files[f"cut{i}.jpg"] = encoded(image, "JPEG")[: -200 - i], False
        files[f"mislabelled{i}.jpg"] = encoded(image, "PNG"), True
        sixteen = Image.fromarray(noise.integers(0, 65536, (30, 40)).astype(np.uint16))
        files[f"sixteen{i}.png"] = encoded(sixteen, "PNG"), True
        files[f"cmyk{i}.jpg"] = encoded(image.convert("CMYK"), "JPEG"), True
    for i in range(2):
        frames = io.BytesIO()
        pictures = [photo(noise).resize((40, 40)) for _ in range(3)]
        pictures[0].save(frames, "GIF", save_all=True, append_images=pictures[1:])
        files[f"animated{i}.gif"] = frames.getvalue(), True
    assert len(files) == 50
    return files


def make_folder(root: Path, count: int) -> dict[str, tuple[bytes, bool]]:
    """``count`` files in three classes, the fifty troubles among them."""
    noise = np.random.default_rng(0)
    for name in CLASSES:
        (root / "train" / name).mkdir(parents=True)
    kinds = list(FORMATS.items())
    for number in range(count - 50):
        suffix, format_name = kinds[number % len(kinds)]
        path = root / "train" / CLASSES[number % 3] / f"{number:05}.{suffix}"
        path.write_bytes(encoded(photo(noise), format_name))
    files = troubles(noise)
    for number, (name, (content, _)) in enumerate(files.items()):
        (root / "train" / CLASSES[number % 3] / name).write_bytes(content)
    return files


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    root = tmp_path_factory.mktemp("world") / "photos"
    return root, make_folder(root, 600)


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("fit", ["stretch", "crop"])
def test_every_broken_file_is_named_and_nothing_else_is_lost(
    folder: Folder, tmp_path: Path, cached: bool, fit: Fit
) -> None:
    root, files = folder
    broken = {name for name, (_, readable) in files.items() if not readable}
    cache = tmp_path if cached else None
    with pytest.raises(BadImageError, match="24 of 600 images could not be read") as error:
        load_folder(root, image_size=32, fit=fit, cache=cache)
    assert {path.name for path in error.value.paths} == broken
    named = [name for name in broken if f"/{name} is no whole image" in str(error.value)]
    assert f"and {24 - len(named)} more" in str(error.value) and len(str(error.value)) < 2000
    assert not any(f"/{name} is" in str(error.value) for name in set(files) - broken)
    with pytest.warns(UserWarning, match="24 of 600 images could not be read") as caught:
        dataset = load_folder(root, image_size=32, fit=fit, cache=cache, skip_bad_images=True)
    named = [name for name in broken if f"/{name} (" in str(caught[0].message)]
    assert f"and {24 - len(named)} more" in str(caught[0].message) and len(named) > 3
    assert dataset.images.shape == (576, 32, 32, 3)
    kept = [path for path in list_folder(root).paths if path.name not in broken]
    labels = [CLASSES.index(path.parent.name) for path in kept]
    assert dataset.labels.tolist() == labels
    if cached:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opened = open_cache(list_folder(root), tmp_path, (32, 32), True, fit)
        assert opened.image_paths() == kept
