"""What each column of a table is taken for, and the words of what is refused."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
import torch

from warpmix.predictions import ReadOptions, load, load_many
from warpmix.predictions.columns import identify


def table(text: str) -> list[list[str]]:
    return [row.split(",") for row in text.split()]


@pytest.mark.parametrize(
    ("text", "options", "ids", "labels", "classes", "names"),
    [
        ("cat,dog .1,.9", {}, None, None, (0, 1), ("cat", "dog")),
        (",cat,dog 0,.1,.9", {}, 0, None, (1, 2), ("cat", "dog")),
        (",id,cat,dog 0,a,.1,.9", {}, 1, None, (2, 3), ("cat", "dog")),
        ("dog,cat,File,LABEL .1,.9,a,cat", {}, 2, 3, (0, 1), ("dog", "cat")),
        ("Prob_cat,Prob_dog,y .1,.9,0", {}, None, 2, (0, 1), ("cat", "dog")),
        ("p_cat,dog .1,.9", {}, None, None, (0, 1), ("p_cat", "dog")),
        ("id,prob_1,prob_0 7,.1,.9", {}, 0, None, (2, 1), None),
        ("2,0,1 .1,.2,.7", {}, None, None, (1, 2, 0), None),
        ("0.0,1.0,2.0 .1,.2,.7", {}, None, None, (0, 1, 2), None),
        ("1,2,3 .1,.2,.7", {}, None, None, (0, 1, 2), ("1", "2", "3")),
        (".1,.9 .3,.7", {}, None, None, (0, 1), None),
        ("a.png,.1,.9 b.png,.3,.7", {}, 0, None, (1, 2), None),
        ("3,.1,.9,1 4,.2,.8,1", {"ids": "1", "labels": "4"}, 0, 3, (1, 2), None),
        ("0,1 .3,.7", {"header": True}, None, None, (0, 1), None),
        ("0,1 .3,.7", {"header": False}, None, None, (0, 1), None),
        ("dog,cat .1,.9", {"classes": ("cat", "dog")}, None, None, (1, 0), ("cat", "dog")),
        ("n,y .1,.9", {"classes": ("n", "y")}, None, None, (0, 1), ("n", "y")),
        (
            "1,0 .1,.9 .2,.8",
            {"header": True, "classes": ("a", "b")},
            None,
            None,
            (1, 0),
            ("a", "b"),
        ),
        ("fold,cat,dog 3,.1,.9", {"ignore": ("fold",)}, None, None, (1, 2), ("cat", "dog")),
        ("file,name,a,b x,y,.1,.9", {"ids": "name"}, 1, None, (2, 3), ("a", "b")),
        ("pred,a,b b,.1,.9", {}, None, None, (1, 2), ("a", "b")),
        ("a,b,c 3,4,1 2,2,0", {"num_classes": 3}, None, None, (0, 1, 2), ("a", "b", "c")),
    ],
)
def test_roles(
    text: str,
    options: dict[str, Any],
    ids: int | None,
    labels: int | None,
    classes: tuple[int, ...],
    names: tuple[str, ...] | None,
) -> None:
    found = identify(table(text), ReadOptions(**options))
    assert (found.ids, found.labels, found.classes, found.names) == (ids, labels, classes, names)


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("0,1 .3,.7", {}, "the first row, 0, 1, may be .*--header, --no-header"),
        ("2,0,1 3,-1,4", {}, "the first row, 2, 0, 1, may be .*--header, --no-header"),
        ("a,a .3,.7", {}, "the column 'a' is there twice"),
        ("a,,b .3,.3,.4", {}, "row 1, column 2: expected a name"),
        ("a,b", {}, "got a row of names alone"),
        ("id,prob 1,.3", {}, "two or more columns of classes, got column 'prob' alone"),
        ("file,name,a,b x,y,.1,.9", {}, r"'file' and 'name' may both be ids; say which \(--ids\)"),
        ("y,target,a,b 0,0,.1,.9", {}, r"'y' and 'target' may both be labels.*\(--labels\)"),
        ("n,y .1,.9", {}, r"'y' is taken for labels, but holds \.9; .*--classes"),
        ("fold,a,b 3,.1,.9 3,.2,.8", {}, "'fold' holds whole numbers, as 3, .*--ignore.*--classes"),
        ("note,a,b x,.1,.9", {}, "'note' holds text, as 'x'; .*--ids, --labels.*--ignore"),
        ("sure,a,b .9,.1,.9", {}, "the rows sum to 1 without column 'sure'; .*--ignore"),
        ("a,b,c 3,4,1 2,2,0", {}, "all columns hold whole numbers.*--classes"),
        ("3,.1,.9 4,.2,.8", {}, "column 1 holds whole numbers, as 3.*--ids, --labels"),
        (".1,.9,1 .2,.8,0", {}, "column 3 holds whole numbers, as 1.*--ids, --labels"),
        ("a,b .1,.9", {"classes": ("a", "c")}, "its classes are a, b, not a, c"),
        ("a,b,c .1,.2,.7", {"num_classes": 2}, "each of 2 classes, got 3: column 'a'"),
        ("a,b .1,.9", {"ids": "id"}, r"no column 'id' for ids=… \(--ids\); columns: a, b"),
    ],
)
def test_doubts_are_refused(text: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        identify(table(text), ReadOptions(**options))


# ---- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "written",
    [
        b"id,cat,dog\n7,0.25,0.75\n8,0.5,0.5\n",
        b"\xef\xbb\xbfid,cat,dog\r\n7,0.25,0.75\r\n\r\n8,0.5,0.5",
        b"id;cat;dog\n7;0.25;0.75\n8;0.5;0.5\n",
        b"id\tcat\tdog\n7\t0.25\t0.75\n8\t.5\t5e-1\n",
        b'"id","cat","dog"\n"7","0.25","0.75"\n"8"," 0.5","+0.5 "\n',
    ],
    ids=["plain", "Excel", "semicolons", "tabs", "quotes"],
)
def test_spellings_of_one_table(tmp_path: Path, written: bytes) -> None:
    path = tmp_path / "table.CSV"
    path.write_bytes(written)
    read = load(path)
    assert read.predictions.tolist() == [[0.25, 0.75], [0.5, 0.5]]
    assert read.classes == ("cat", "dog") and isinstance(read.ids, torch.Tensor)
    assert read.ids.tolist() == [7, 8] and read.model == "table"


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (b"a;b\n0,5;0,5\n", "row 2, column 'a': expected a number, got '0,5'; .*point"),
        (b"a,b\n0,5,0,5\n", "row 2 must have 2 columns, got 4; .*point"),
        (b'a,b\n"0,5","0,5"\n', "row 2, column 'a': expected a number, got '0,5'; .*point"),
        (b"a,b\n0.5,\n", "row 2, column 'b': expected a number, got ''"),
        (b'a,b\n0.5,0.5\n"\n1",half\n', "row 3, column 'b': expected a number, got 'half'"),
        (b"a,b\n0.5,nan\n", "row 2, column 'b': predictions must be finite, got nan"),
        (
            b"id,a,b\n7,.5,.5\n8,.5,.5\n7,.5,.5\n",
            "row 4: the id '7' is there twice, first in row 2",
        ),
        (b"id,a,b\n,.5,.5\n", "row 2, column 'id': expected a value"),
        (
            b"label,b,a\n0,.5,.5\n",
            r"may count the classes as the columns do \(b, a\) or.*--classes",
        ),
        (b"label,a,b\n0.7,.5,.5\n", "'label' is taken for labels, but holds 0.7"),
        (b"id,label\n7,cat\n", "--classes, --num-classes"),
        ("a,b\n0.5,0.5".encode("utf-16"), "expected UTF-8 text"),
        (b"", "got an empty file"),
    ],
)
def test_cells_are_refused_by_their_place(tmp_path: Path, written: bytes, words: str) -> None:
    (tmp_path / "t.csv").write_bytes(written)
    with pytest.raises(ValueError, match=rf"t\.csv: .*{words}"):
        load(tmp_path / "t.csv")


def test_numbers_of_labels_count_the_classes_that_the_user_lists(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("label,b,a\n0,.25,.75\n")
    read = load(tmp_path / "t.csv", ReadOptions(classes=("a", "b")))
    assert read.predictions.tolist() == [[0.75, 0.25]] and read.labels is not None
    assert read.labels.tolist() == [0]


def test_an_archive_knows_ids_labels_and_classes(tmp_path: Path) -> None:
    arrays: dict[str, Any] = {
        "scores": np.array([[0.25, 0.75], [0.5, 0.5]]),
        "classes": np.array(["b", "a"]),
        "image_id": np.array(["x", "y"]),
        "labels": np.array([0, 1]),
    }
    np.savez(tmp_path / "m.NPZ.npz", **arrays)
    path = (tmp_path / "m.NPZ.npz").rename(tmp_path / "m.NPZ")
    read = load(path, ReadOptions(classes=("a", "b")))
    assert read.predictions.tolist() == [[0.75, 0.25], [0.5, 0.5]] and read.labels is not None
    assert read.labels.tolist() == [1, 0] and read.ids == ("x", "y")
    np.savez(tmp_path / "two.npz", **arrays, target=np.array([0, 1]))
    with pytest.raises(ValueError, match=r"arrays labels and target may both be labels.*--labels"):
        load(tmp_path / "two.npz")
    chosen = load(tmp_path / "two.npz", ReadOptions(labels="target"))
    assert chosen.labels is not None and chosen.labels.tolist() == [0, 1]
    np.savez(tmp_path / "soft.npz", **{**arrays, "labels": np.array([0.7, 0.3])})
    with pytest.raises(ValueError, match=r"sample 0: labels must be whole numbers.*got '0\.7'"):
        load(tmp_path / "soft.npz")


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_class_names_that_look_the_same_are_one(
    tmp_path: Path, form: Literal["NFC", "NFD"]
) -> None:
    """macOS writes é as two letters, others as one."""
    cafe = unicodedata.normalize(form, "café")
    (tmp_path / "t.csv").write_text(f"{cafe},ant,label\n0.9,0.1,{cafe}\n0.2,0.8,ant\n", "utf-8")
    (tmp_path / "u.csv").write_text("ant,café,label\n0.3,0.7,café\n0.6,0.4,ant\n", "utf-8")
    alone = load(tmp_path / "t.csv", ReadOptions(classes=("ant", "café")))
    assert alone.labels is not None and alone.labels.tolist() == [1, 0]
    assert alone.predictions[0].tolist() == pytest.approx([0.1, 0.9])
    stack = load_many([tmp_path / "u.csv", tmp_path / "t.csv"])
    assert stack.classes == ("ant", "café") and stack.labels is not None
    assert stack.labels.tolist() == [1, 0]
    assert stack.predictions[1, 0].tolist() == pytest.approx([0.1, 0.9])
