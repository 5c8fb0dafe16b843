"""Any folder of images, one subfolder a class."""

from __future__ import annotations

from pathlib import Path

import torch

from warpmix.data.cache import open_cache
from warpmix.data.dataset import Dataset
from warpmix.data.decode import ImageFiles, read_images
from warpmix.data.images import EXTENSIONS, Fit, height_and_width

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
    fit: Fit = "stretch",
    cache: str | Path | None = None,
) -> Dataset:
    """Load images from ``root/<class>/…`` or from ``root/<split>/<class>/…``.

    With a subfolder ``train``, ``split`` chooses the subfolder (``"test"`` takes ``test``, or else
    ``val`` or ``valid``), and the classes are those of ``train``. Without it, all files are
    ``"train"``: hold some out with :func:`stratified_split`. Classes and files are sorted by name,
    so the order does not depend on the file system. Hidden files and files with other extensions
    than :data:`warpmix.data.images.EXTENSIONS` are passed over.

    Args:
        root: the folder.
        split: ``"train"``, ``"test"`` or, with subfolders, ``"val"``.
        image_size: side, or height and width, that every image is to have (resized with
            antialiasing); None: all images must be of one size.
        skip_bad_images: leave out files that cannot be decoded, and name them in a warning.
        fit: how images of other sizes come to it: ``"stretch"``, ``"crop"`` (keep the proportions,
            cut out the centre) or ``"only"`` (leave them out, and name them in a warning).
        cache: folder to keep the decoded images in, see :func:`warpmix.data.cache.open_cache`;
            None: decode into memory.

    Returns:
        images [N, H, W, 3]; see :func:`read_image` for what becomes of other kinds of pixels.

    Raises:
        FileNotFoundError: no such folder, split or image.
        BadImageError: (a ValueError) files cannot be decoded; all are in its ``paths``.
        ValueError: images of different sizes, classes that ``train`` lacks, another split.
    """
    return load_files(list_folder(root, split), image_size, skip_bad_images, fit, cache)


def list_folder(root: str | Path, split: str = "train") -> ImageFiles:
    """Return the files that :func:`load_folder` decodes.

    A folder ``test`` beside ``train`` that holds images and no folders is a split to be predicted:
    its labels are unknown.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"{root.absolute()} is not a folder")
    train = _part(root, "train")
    files, classes = _list_files(root if train is None else train)
    if split == "test" and train is not None and (flat := _unlabelled_test(root)) is not None:
        return ImageFiles(tuple(_image_files(flat)), None, classes, root.absolute().name)
    if split != "train":
        files, _ = _list_files(_require_part(root, split), classes)
    paths, labels = zip(*files, strict=True)
    return ImageFiles(paths, labels, classes, root.absolute().name)


def splits_of_folder(root: Path) -> tuple[str, ...]:
    """Return which splits :func:`list_folder` finds; what stands in for another is not named."""
    if _part(root, "train") is None:
        return ("train",)
    parts = {split: _part(root, split) for split in ("val", "test")}
    parts["test"] = _unlabelled_test(root) or parts["test"]
    if parts["val"] == parts["test"]:
        del parts["val"]
    return ("train", *(split for split, part in parts.items() if part is not None))


def has_labelled_test(root: Path) -> bool:
    """Return whether :func:`load_folder` finds test images, or what stands in for them."""
    parts = (_part(root, "train"), _part(root, "test"))
    return None not in parts and _unlabelled_test(root) is None


def load_files(
    files: ImageFiles,
    image_size: int | tuple[int, int] | None,
    skip_bad_images: bool,
    fit: Fit,
    cache: str | Path | None,
) -> Dataset:
    """List labelled image files as a data set; arguments and errors as :func:`load_folder`."""
    size = None if image_size is None else height_and_width(image_size)
    if cache is not None:
        return open_cache(files, cache, size, skip_bad_images, fit).dataset()
    images, rows = read_images(files, size, fit, skip_bad_images)
    labels = torch.tensor(files.labels)[rows]
    return Dataset(images, labels, files.classes, files.name)


# ---- finding ------------------------------------------------------------------------------------


def _part(root: Path, split: str) -> Path | None:
    """Find the subfolder of a split. A folder without subfolders is a class that bears its name."""
    named = (root / name for name in _PARTS[split])
    return next((part for part in named if part.is_dir() and _subfolders(part)), None)


def _unlabelled_test(root: Path) -> Path | None:
    """Find a test folder that holds images alone."""
    named = (root / name for name in ("test", "testing"))
    folders = (part for part in named if part.is_dir() and not _subfolders(part))
    return next((part for part in folders if _image_files(part)), None)


def _require_part(root: Path, split: str) -> Path:
    if split not in _PARTS:
        raise ValueError(f"split must be one of {', '.join(_PARTS)}, got {split!r}")
    part = None if _part(root, "train") is None else _part(root, split)
    if part is None:
        raise FileNotFoundError(
            f"{root.absolute()} has no part {split!r}: looked for the folders "
            f"{', '.join(_PARTS[split])} beside 'train'"
        )
    return part


def _list_files(
    folder: Path, classes: tuple[str, ...] | None = None
) -> tuple[list[tuple[Path, int]], tuple[str, ...]]:
    """Return (file, label) of every image, and the classes; ``classes`` must cover the folder."""
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
