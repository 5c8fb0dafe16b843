"""Any folder of images, one subfolder a class."""

from __future__ import annotations

from pathlib import Path

import torch

from .dataset import Dataset
from .decode import read_images
from .images import EXTENSIONS, height_and_width
from .split import train_or_test

_PARTS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing", "val", "valid", "validation"),
}
"""Names of the subfolder of each split, the first that is there counts."""


def load_folder(
    root: str | Path,
    split: str = "train",
    image_size: int | tuple[int, int] | None = None,
    skip_bad_images: bool = False,
) -> Dataset:
    """Images from ``root/<class>/…`` or from ``root/<split>/<class>/…``.

    With a subfolder ``train``, ``split`` chooses the subfolder (``"test"`` takes ``test``, or else
    ``val`` or ``valid``), and the classes are those of ``train``. Without it, one fifth of the
    files, stratified and always the same, is ``"test"``. Classes and files are sorted by name, so
    the order does not depend on the file system. Hidden files and files with other extensions than
    :data:`warpmix.data.images.EXTENSIONS` are passed over.

    Args:
        root: the folder.
        split: ``"train"``, ``"test"`` or, with subfolders, ``"val"``.
        image_size: side, or height and width, to resize every image to (antialiased, without
            keeping the ratio of its sides); None: all images must be of one size.
        skip_bad_images: leave out files that cannot be decoded, and name them in a warning.

    Returns:
        images [N, H, W, 3]; see :func:`read_image` for what becomes of other kinds of pixels.

    Raises:
        FileNotFoundError: no such folder, split or image.
        BadImageError: (a ValueError) a file cannot be decoded.
        ValueError: images of different sizes, classes that ``train`` lacks, another split.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"{root.absolute()} is not a folder")
    train = _part(root, "train")
    files, classes = _list_files(root if train is None else train)
    if train is None:
        rows = train_or_test(torch.tensor([label for _, label in files]), split)
        files = [files[row] for row in rows.tolist()]
    elif split != "train":
        files, _ = _list_files(_require_part(root, split), classes)
    size = None if image_size is None else height_and_width(image_size)
    images, labels = read_images(files, size, skip_bad_images)
    return Dataset(images, labels, classes, root.absolute().name)


# ---- finding ------------------------------------------------------------------------------------


def _part(root: Path, split: str) -> Path | None:
    """The subfolder of a split. A folder without subfolders is a class that bears its name."""
    named = (root / name for name in _PARTS[split])
    return next((part for part in named if part.is_dir() and _subfolders(part)), None)


def _require_part(root: Path, split: str) -> Path:
    if split not in _PARTS:
        raise ValueError(f"split must be one of {', '.join(_PARTS)}, got {split!r}")
    part = _part(root, split)
    if part is None:
        raise FileNotFoundError(
            f"{root.absolute()} has no part {split!r}: looked for the folders "
            f"{', '.join(_PARTS[split])} beside 'train'"
        )
    return part


def _list_files(
    folder: Path, classes: tuple[str, ...] | None = None
) -> tuple[list[tuple[Path, int]], tuple[str, ...]]:
    """(file, label) of every image, and the classes; ``classes`` if given must cover the folder."""
    found = _subfolders(folder)
    files = {name: _image_files(folder / name) for name in found}
    if not any(files.values()):
        raise FileNotFoundError(
            f"{folder.absolute()} holds no images: expected <class>/<name> with one of the "
            f"extensions {' '.join(sorted(EXTENSIONS))}"
        )
    if classes is None:
        if empty := [name for name in found if not files[name]]:
            raise FileNotFoundError(
                f"{folder.absolute()} has classes without images: {', '.join(empty)}; "
                "remove these folders or fill them"
            )
        classes = found
    elif strange := sorted(set(found) - set(classes)):
        raise ValueError(
            f"{folder.absolute()} has classes that the training images lack: "
            f"{', '.join(strange)}; the training images have {', '.join(classes)}"
        )
    return [(path, classes.index(name)) for name in found for path in files[name]], classes


def _subfolders(folder: Path) -> tuple[str, ...]:
    children = (child for child in folder.iterdir() if child.is_dir() and _shown(child))
    return tuple(sorted(child.name for child in children))


def _image_files(folder: Path) -> list[Path]:
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in EXTENSIONS and path.is_file() and _shown(path)
    ]


def _shown(path: Path) -> bool:
    return not path.name.startswith(".")
