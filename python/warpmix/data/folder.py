"""Any folder of images, one subfolder a class."""

from __future__ import annotations

import os
import unicodedata
import warnings
from pathlib import Path

import torch

from warpmix.data.cache import open_cache
from warpmix.data.dataset import Dataset
from warpmix.data.decode import ImageFiles, read_images
from warpmix.data.images import EXTENSIONS, Fit, height_and_width
from warpmix.data.walk import Walk, is_shown

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
    store_size: int | None = None,
) -> Dataset:
    """Load images from ``root/<class>/…`` or from ``root/<split>/<class>/…``.

    With a subfolder ``train``, ``split`` chooses the subfolder (``"test"`` takes ``test``, or else
    ``val`` or ``valid``), and the classes are those of ``train``. Without it, all files are
    ``"train"``: hold some out with :func:`stratified_split`. Classes and files are sorted by name,
    so the order does not depend on the file system; names that Unicode holds to be the same (NFC)
    are one class. Links to folders are followed, once each. Hidden files and folders are passed
    over; files that are no images are counted and named in a warning.

    Args:
        root: the folder.
        split: ``"train"``, ``"test"`` or, with subfolders, ``"val"``.
        image_size: side, or height and width, that every image is to have (resized with
            antialiasing); None: each keeps its own, and the data set is of mixed sizes where they
            differ.
        skip_bad_images: leave out files that cannot be decoded, and name them in a warning.
        fit: how images of other sizes come to it: ``"stretch"``, ``"crop"`` (keep the proportions,
            cut out the centre) or ``"only"`` (leave them out, and name them in a warning).
        cache: folder to keep the decoded images in, see :func:`warpmix.data.cache.open_cache`;
            None: decode into memory.
        store_size: without ``image_size``, the most pixels of an image's shorter side; larger ones
            are resized to it with antialiasing, their proportions kept.

    Returns:
        images [N, H, W, 3], or of mixed sizes; see :func:`read_image` for what becomes of other
        kinds of pixels.

    Raises:
        FileNotFoundError: no such folder, split or image.
        BadImageError: (a ValueError) files cannot be decoded; all are in its ``paths``.
        ValueError: classes that ``train`` lacks, another split, no
            labels, or folders of splits where those of classes were expected.
    """
    files = list_folder(root, split)
    return load_files(files, image_size, skip_bad_images, fit, cache, store_size)


def list_folder(root: str | Path, split: str = "train") -> ImageFiles:
    """Return the files that :func:`load_folder` decodes, and warn of those that it does not.

    A folder ``test`` that holds images and no folders is a split to be predicted: its labels are
    unknown. So are those of the images in a ``root`` without any folders, which are ``"test"``.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(f"{root.absolute()} is not a folder")
    train = _part(root, "train")
    flat = _unlabelled_test(root, train) if split == "test" else None
    name = root.absolute().name
    if flat is not None:
        walk = Walk(flat)
        (images,) = walk.images([flat])
        walk.warn()
        return ImageFiles(tuple(images), None, _classes(train) if train else (), name, flat)
    folder = (train or root) if split == "train" else _require_part(root, split, train)
    known = None if split == "train" else _classes(train or root)
    files, classes = _list_files(folder, known)
    if split == "train" and train is not None:
        _warn_of_strays(root)
    paths, labels = zip(*files, strict=True)
    return ImageFiles(paths, labels, classes, name, folder)


def splits_of_folder(root: Path) -> tuple[str, ...]:
    """Return which splits :func:`list_folder` finds; what stands in for another is not named."""
    train = _part(root, "train")
    if train is None:
        return ("test",) if _unlabelled_test(root, None) is not None else ("train",)
    parts = {split: _part(root, split) for split in ("val", "test")}
    parts["test"] = _unlabelled_test(root, train) or parts["test"]
    if parts["val"] == parts["test"]:
        del parts["val"]
    return ("train", *(split for split, part in parts.items() if part is not None))


def has_labelled_test(root: Path) -> bool:
    """Return whether :func:`load_folder` finds test images, or what stands in for them."""
    train = _part(root, "train")
    return (
        train is not None
        and _part(root, "test") is not None
        and _unlabelled_test(root, train) is None
    )


def load_files(
    files: ImageFiles,
    image_size: int | tuple[int, int] | None,
    skip_bad_images: bool,
    fit: Fit,
    cache: str | Path | None,
    store_size: int | None = None,
) -> Dataset:
    """List labelled image files as a data set; arguments and errors as :func:`load_folder`."""
    if files.labels is None:
        raise ValueError(
            f"{files.name} has no labels; predict it with warpmix predict --submission"
        )
    size = None if image_size is None else height_and_width(image_size)
    if cache is not None:
        return open_cache(files, cache, size, skip_bad_images, fit, store_size).dataset()
    images, rows = read_images(files, size, fit, skip_bad_images, store_size)
    labels = torch.tensor(files.labels)[rows]
    return Dataset(images, labels, files.classes, files.name)


# ---- finding ------------------------------------------------------------------------------------


def _part(root: Path, split: str) -> Path | None:
    """Find the subfolder of a split. A folder without subfolders is a class that bears its name."""
    return next((part for part in _named(root, _PARTS[split]) if _subfolders(part)), None)


def _unlabelled_test(root: Path, train: Path | None) -> Path | None:
    """Find a test folder that holds images alone; without ``train`` it may be the root itself."""
    folders = [part for part in _named(root, _PARTS["test"][:2]) if not _subfolders(part)]
    if train is None:
        folders = [root] if not _subfolders(root) else []
    return next((part for part in folders if Walk(part).holds_images()), None)


def _named(root: Path, names: tuple[str, ...]) -> list[Path]:
    """Return the subfolders of these names, in their order, in upper or lower case."""
    found = sorted(_subfolders(root), key=lambda each: each not in names)
    return [root / each for name in names for each in found if each.casefold() == name]


def _require_part(root: Path, split: str, train: Path | None) -> Path:
    if split not in _PARTS:
        raise ValueError(f"split must be one of {', '.join(_PARTS)}, got {split!r}")
    if train is None:
        raise FileNotFoundError(
            f"{root.absolute()} has no part {split!r}: without a folder 'train', all of it is the "
            "part 'train'; choose that (--split train), or make train/<class>/<image> and "
            f"{split}/<class>/<image> of it"
        )
    part = _part(root, split)
    if part is None:
        raise FileNotFoundError(
            f"{root.absolute()} has no part {split!r}: looked for the folders "
            f"{', '.join(_PARTS[split])} beside 'train'; it has {', '.join(splits_of_folder(root))}"
        )
    return part


def _classes(folder: Path) -> tuple[str, ...]:
    """Return the names of the classes in a folder."""
    return tuple(sorted({unicodedata.normalize("NFC", name) for name in _subfolders(folder)}))


def _list_files(
    folder: Path, known: tuple[str, ...] | None
) -> tuple[list[tuple[Path, int]], tuple[str, ...]]:
    """Return (file, label) of every image, and the classes; those ``known`` must cover the folder.

    Files are sorted by class, and then by path.
    """
    classes = _classes(folder)
    if known is None:
        _refuse_splits(folder, classes)
    walk = Walk(folder)
    names = _subfolders(folder)
    files: dict[str, list[Path]] = {name: [] for name in classes}
    for name, images in zip(names, walk.images([folder / name for name in names]), strict=True):
        files[unicodedata.normalize("NFC", name)] += images
    left_out = f"; {walk.left_out()}" if walk.left_out() else ""
    loose = walk.loose_images(folder)
    if not any(files.values()):
        place = f" in folders of classes, and {len(loose)} beside them" if loose else ""
        raise FileNotFoundError(
            f"{folder.absolute()} holds no images{place}: expected <class>/<name>, a folder for "
            f"each class, with one of the extensions {' '.join(sorted(EXTENSIONS))}, or of a "
            f"format that Pillow knows{left_out}"
        )
    if known is None:
        if empty := [name for name in classes if not files[name]]:
            raise FileNotFoundError(
                f"{folder.absolute()} has classes without images: {', '.join(empty)}; "
                f"remove these folders or fill them{left_out}"
            )
        _ask_about(folder, classes)
    elif strange := sorted(set(classes) - set(known)):
        raise ValueError(
            f"{folder.absolute()} has classes that the training images lack: "
            f"{', '.join(strange)}; the training images have {', '.join(known)}"
        )
    walk.leave_out(loose, "beside the folders of the classes, not in one")
    walk.warn()
    labels = {name: label for label, name in enumerate(known or classes)}
    return [(path, labels[name]) for name in classes for path in files[name]], known or classes


def _refuse_splits(folder: Path, classes: tuple[str, ...]) -> None:
    """Refuse folders of splits alone in the place of folders of classes."""
    if classes and all(map(_is_split, classes)):
        below = next((name for name in classes if _subfolders(folder / name)), None)
        meant = f" Is {folder / below} the folder that you mean?" if below else ""
        raise ValueError(
            f"{folder.absolute()} has no folders of classes, but {', '.join(classes)}: expected "
            f"<class>/<image>, or train/<class>/<image> and so on.{meant}"
        )


def _ask_about(folder: Path, classes: tuple[str, ...]) -> None:
    """Warn of classes that may be none: one alone, or a split among them."""
    if len(classes) == 1:
        below = _subfolders(folder / classes[0]) if (folder / classes[0]).is_dir() else ()
        meant = f"; are {', '.join(below[:3])} in it the classes?" if below else "?"
        warnings.warn(
            f"{folder.absolute()} has one class alone, {classes[0]}, which every image gets: is it "
            f"one folder too high or too low{meant}",
            stacklevel=2,
        )
    # A train may be a class, and without folders in it surely is none of the splits.
    splits = [name for name in classes if _is_split(name) and name not in _PARTS["train"]]
    if splits:
        warnings.warn(
            f"{folder.absolute()}: {', '.join(splits)} counts as a class, because there is no "
            "train/<class>/ beside it: is it a split? Then put the folders of classes into train",
            stacklevel=2,
        )


def _warn_of_strays(root: Path) -> None:
    """Warn of images that no split takes: beside ``train``, and a validation set's of no class."""
    flat = [part for part in _named(root, _PARTS["val"]) if not _subfolders(part)]
    for folder in (root, *flat):
        walk = Walk(folder)
        walk.leave_out(walk.loose_images(folder), "in no folder of a class")
        walk.warn()


def _is_split(name: str) -> bool:
    return any(name.casefold() in names for names in _PARTS.values())


def _subfolders(folder: Path) -> tuple[str, ...]:
    with os.scandir(folder) as entries:
        return tuple(sorted(each.name for each in entries if is_shown(each.name) and each.is_dir()))
