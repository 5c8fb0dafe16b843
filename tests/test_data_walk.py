"""Which files of a folder are images, and that nothing is lost without a word."""

from __future__ import annotations

import os
import unicodedata
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from warpmix.data import ImageFiles, list_folder, load
from warpmix.data.images import BadImageError, read_image
from warpmix.data.sources import has_labels, splits_of


def save(path: Path, format_name: str = "PNG") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:  # an extension that Pillow does not know is no hindrance
        Image.new("RGB", (8, 8)).save(file, format_name)
    return path


def found(files: ImageFiles) -> list[str]:
    """The files by their paths in the folder of the split."""
    assert files.base is not None
    return [path.relative_to(files.base).as_posix() for path in files.paths]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("ant/1.png", "cat/1.png", "cat/2.png"):
        save(tmp_path / "photos" / name)
    return tmp_path / "photos"


ALL = ["ant/1.png", "cat/1.png", "cat/2.png"]


@pytest.fixture(autouse=True)
def _nothing_is_said_unasked() -> None:
    warnings.simplefilter("error")


# ---- hidden -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["cat/.ipynb_checkpoints/1-checkpoint.png", "cat/deep/.x/1.png", "cat/@eaDir/1.png"]
)
def test_hidden_folders_inside_a_class_are_not_read(root: Path, name: str) -> None:
    save(root / name)
    save(root / "__MACOSX/cat/1.png")
    assert found(list_folder(root)) == ALL


def test_a_folder_inside_a_hidden_one_is_read(tmp_path: Path) -> None:
    save(tmp_path / ".cache/photos/ant/1.png")
    save(tmp_path / ".cache/photos/cat/1.png")
    assert found(list_folder(tmp_path / ".cache/photos")) == ["ant/1.png", "cat/1.png"]


def test_files_of_macos_are_counted(root: Path) -> None:
    for name in ("ant/._1.png", "cat/._1.png", "cat/deep/._x"):
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_bytes(b"\0\5\x16\7")
    with pytest.warns(UserWarning, match=r"photos: 3 of macOS's \._\* files ignored"):
        assert found(list_folder(root)) == ALL


# ---- links --------------------------------------------------------------------------------------


def test_linked_folders_are_read(root: Path, tmp_path: Path) -> None:
    save(tmp_path / "elsewhere/more/3.png")
    (root / "cat/link").symlink_to(tmp_path / "elsewhere")
    save(tmp_path / "others/1.png")
    (root / "dog").symlink_to(tmp_path / "others")
    (root / "eel").mkdir()
    (root / "eel/1.png").symlink_to(save(tmp_path / "one.png"))
    files = list_folder(root)
    assert found(files) == [*ALL, "cat/link/more/3.png", "dog/1.png", "eel/1.png"]
    assert files.classes == ("ant", "cat", "dog", "eel")


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (".", "a link to a folder that is read already"),
        ("..", "a link to a folder that it lies in"),
        ("../..", "a link to a folder that it lies in"),
        ("../ant", "a link to a folder that is read already"),
        ("nowhere", "a link to nothing"),
    ],
)
def test_links_that_lead_back_or_nowhere_are_named(root: Path, target: str, reason: str) -> None:
    (root / "cat/again").symlink_to(target)
    with pytest.warns(UserWarning, match=rf"photos: 1 left out: cat/again \({reason}\)"):
        assert found(list_folder(root)) == ALL


def test_two_links_to_one_folder_are_no_copies(root: Path, tmp_path: Path) -> None:
    save(tmp_path / "elsewhere/3.png")
    for name in ("first", "second"):
        (root / "cat" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.warns(UserWarning, match=r"1 left out: cat/second \(a link"):
        assert found(list_folder(root)) == [*ALL, "cat/first/3.png"]


# ---- what is an image ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "format_name"),
    [
        ("3.jfif", "JPEG"),
        ("3.jpe", "JPEG"),
        ("3", "JPEG"),
        ("3.PNG_", "PNG"),
        ("3.jp2", "JPEG2000"),
        ("3.txt", "BMP"),
    ],
)
def test_the_content_decides_and_not_the_extension(root: Path, name: str, format_name: str) -> None:
    save(root / "cat" / name, format_name)
    assert found(list_folder(root)) == [*ALL, f"cat/{name}"]
    assert len(load(root)) == 4


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("3.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99)),
        ("notes", b"no image"),
        ("empty.dat", b""),
        ("drawing.eps", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n"),
    ],
)
def test_what_pillow_cannot_read_is_counted_and_named(
    root: Path, name: str, content: bytes
) -> None:
    (root / "cat" / name).write_bytes(content)
    with pytest.warns(UserWarning, match=rf"photos: 1 left out: cat/{name} \(no image that Pillow"):
        assert found(list_folder(root)) == ALL
    (root / "cat/1.png").unlink()
    (root / "cat/2.png").unlink()
    with pytest.raises(FileNotFoundError, match=rf"without images: cat;.*left out: cat/{name}"):
        list_folder(root)


def test_an_image_of_another_extension_that_is_cut_off_is_broken(root: Path) -> None:
    path = root / "cat/3.jfif"
    Image.effect_noise((64, 64), 99).save(path, "JPEG")
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(BadImageError, match=r"3\.jfif is no whole image"):
        load(root)


def test_images_beside_the_classes_are_named_and_at_most_ten(root: Path) -> None:
    (root / "README.md").write_text("of no interest")
    for number in range(12):
        save(root / f"{number:02}.jpg", "JPEG")
    with pytest.warns(UserWarning, match=r"12 left out: 00.jpg \(beside the.*and 2 more$"):
        assert found(list_folder(root)) == ALL


def test_no_program_is_started_for_a_postscript_file(root: Path) -> None:
    (root / "cat/3.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EOF\n")
    with pytest.raises(BadImageError, match="UnidentifiedImageError"):
        load(root)


# ---- splits -------------------------------------------------------------------------------------


def test_a_folder_train_alone(root: Path) -> None:
    root.rename(root.with_name("train"))
    top = root.parent
    assert splits_of(top) == ("train",) and not has_labels(top, "test")
    assert found(list_folder(top)) == ALL
    with pytest.raises(FileNotFoundError, match=r"has no part 'test'.*; it has train$"):
        list_folder(top, "test")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("photos/val/1.png", r"photos/val: 1 left out: 1\.png \(in no folder of a class\)"),
        ("photos/1.png", r"photos: 1 left out: 1\.png \(in no folder of a class\)"),
    ],
)
def test_images_that_no_split_takes_are_named(tmp_path: Path, name: str, words: str) -> None:
    for each in ("photos/train/ant/1.png", "photos/train/cat/1.png", name):
        save(tmp_path / each)
    with pytest.warns(UserWarning, match=words):
        assert len(list_folder(tmp_path / "photos").paths) == 2


@pytest.mark.parametrize("name", ["Train", "TRAIN", "Training"])
def test_splits_in_upper_case(root: Path, name: str) -> None:
    (root.parent / "data").mkdir()
    root.rename(root.parent / "data" / name)
    save(root.parent / "data/Test/cat/5.png")
    top = root.parent / "data"
    assert splits_of(top) == ("train", "test") and found(list_folder(top)) == ALL
    assert found(list_folder(top, "test")) == ["cat/5.png"]


def test_a_folder_of_images_alone_can_be_predicted(root: Path) -> None:
    assert splits_of(root / "cat") == ("test",) and not has_labels(root / "cat", "test")
    files = list_folder(root / "cat", "test")
    assert found(files) == ["1.png", "2.png"] and files.labels is None and files.classes == ()
    with pytest.raises(FileNotFoundError, match=r"no images in folders of classes, and 2 beside"):
        list_folder(root / "cat")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["train/train/cat/1.png", "train/train/ant/1.png"], r"Is .*/train/train the folder that"),
        (["test/cat/1.png", "val/cat/1.png"], r"no folders of classes, but test, val"),
        (["train/1.png", "test/1.png"], r"no folders of classes, but test, train: expected <cl"),
        (["Test/cat/1.png"], r"no folders of classes, but Test: .*Is .*/Test the folder"),
    ],
)
def test_splits_in_the_place_of_classes_are_asked_about(
    tmp_path: Path, names: list[str], words: str
) -> None:
    for name in names:
        save(tmp_path / "data" / name)
    with pytest.raises(ValueError, match=words):
        list_folder(tmp_path / "data")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("cat/1.png", r"one class alone, cat, .*too high or too low\?$"),
        ("data/cat/1.png", r"one class alone, data, .*; are cat in it the classes\?$"),
    ],
)
def test_a_single_class_is_asked_about(tmp_path: Path, name: str, words: str) -> None:
    save(tmp_path / "photos" / name)
    with pytest.warns(UserWarning, match=words):
        assert len(list_folder(tmp_path / "photos").paths) == 1


def test_a_split_among_the_classes_is_asked_about(root: Path) -> None:
    save(root / "test/1.png")
    with pytest.warns(UserWarning, match=r"photos: test counts as a class.*is it a split\?"):
        assert list_folder(root).classes == ("ant", "cat", "test")


def test_a_class_that_is_called_like_a_split_may_be_tested(root: Path, tmp_path: Path) -> None:
    root.rename(tmp_path / "train")
    save(tmp_path / "train/train/1.png")
    save(tmp_path / "test/train/1.png")
    assert list_folder(tmp_path, "test").labels == (2,)


# ---- names --------------------------------------------------------------------------------------


def test_class_names_that_look_the_same_are_one(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
    assert composed != decomposed
    save(tmp_path / "train" / composed / "1.png")
    save(tmp_path / "train" / decomposed / "2.png")
    save(tmp_path / "train/ant/1.png")
    save(tmp_path / "test" / decomposed / "3.png")
    train, test = (list_folder(tmp_path, split) for split in ("train", "test"))
    assert train.classes == test.classes == ("ant", composed)
    assert (train.labels, test.labels) == ((0, 1, 1), (1,))


def test_names_that_are_no_unicode(root: Path) -> None:
    name = os.fsdecode(b"caf\xe9.png")
    save(root / "cat" / name)
    files = list_folder(root)
    assert found(files) == [*ALL, f"cat/{name}"] and len(load(root)) == 4


# ---- depth --------------------------------------------------------------------------------------


def test_16_bits_are_scaled_and_others_refused(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 32896, 65407, 65535]], np.uint16)
    for number, mode in enumerate(("<u2", ">u2")):
        path = tmp_path / f"{number}.tif"
        Image.fromarray(values.astype(mode)).save(path)
        assert read_image(path)[0, :, 0].tolist() == [0, 0, 1, 128, 255, 255]
    Image.fromarray(values.astype(np.int32)).save(tmp_path / "32.tif")
    with pytest.raises(BadImageError, match="32-bit grey pixels have no agreed range; scale them"):
        read_image(tmp_path / "32.tif")
    Image.fromarray(values.astype(np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(BadImageError, match="floating-point pixels"):
        read_image(tmp_path / "float.tif")
