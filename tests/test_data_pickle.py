"""Pickles from strangers: arrays and plain containers are read, nothing is ever called."""

from __future__ import annotations

import collections
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from warpmix.data.safe_pickle import load_pickle


class Runs:
    """Pickles as a call of a function with arguments."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.call


def refused(tmp_path: Path, content: object, protocol: int = 2) -> str:
    path = tmp_path / "file"
    path.write_bytes(content if isinstance(content, bytes) else pickle.dumps(content, protocol))
    with pytest.raises(ValueError, match="file is refused: it holds ") as caught:
        load_pickle(path)
    return str(caught.value)


@pytest.mark.parametrize("protocol", [0, 2, 4])
def test_calls_are_refused_by_name_and_never_made(tmp_path: Path, protocol: int) -> None:
    witness = tmp_path / "ran"
    attack = {"data": Runs(os.mkdir, str(witness)), "labels": []}
    assert "posix.mkdir" in refused(tmp_path, attack, protocol)
    assert not witness.exists()


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (Runs(eval, "1"), "eval"),
        (Runs(getattr, 1, "real"), "getattr"),
        (collections.OrderedDict(a=1), "collections.OrderedDict"),
        ({1, 2}, "set"),
        (np.array([os.mkdir], dtype=object), "mkdir"),
        (np.array(["text"]), "an array of <U4"),
        (np.zeros(2, [("a", "u1")]), "array"),
        (np.float32(1), "scalar"),
        (torch.zeros(2), "torch"),
    ],
)
def test_other_things_are_refused_by_name(tmp_path: Path, content: bytes, name: str) -> None:
    assert name in refused(tmp_path, content)


def test_tricks_with_what_is_admitted_are_refused(tmp_path: Path) -> None:
    array = b"cnumpy.core.multiarray\n_reconstruct\n"
    refused(tmp_path, array + b"(cnumpy\ndtype\n(K\x00tU\x01btR.")  # another type than ndarray
    refused(tmp_path, b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13tR.")
    refused(tmp_path, b"\x80\x04\x8c\x05numpy\x8c\x0endarray.tofile\x93.")  # a dotted name
    refused(tmp_path, b"I7\nQ.")  # a persistent id
    # Writing into the stand-ins, so that the next file meets changed ones.
    (tmp_path / "state").write_bytes(array + b"}(U\x08__call__K\x01ub.")
    with pytest.raises(ValueError, match="damaged"):
        load_pickle(tmp_path / "state")


def test_plain_containers_and_arrays_of_numbers_are_read(tmp_path: Path) -> None:
    content = {
        "none": None,
        "nested": [(1, 2.5, True), {"a": b"bytes", "b": "text"}],
        "big": 2**70,
        "floats": np.arange(6, dtype=">f8").reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6, dtype=np.int32).reshape(2, 3)),
    }
    for protocol in (2, 3, 4):
        (tmp_path / "file").write_bytes(pickle.dumps(content, protocol))
        loaded = load_pickle(tmp_path / "file")
        for name in ("floats", "fortran"):
            assert (loaded[name] == content[name]).all()
        assert {k: loaded[k] for k in ("none", "nested", "big")} == {
            k: content[k] for k in ("none", "nested", "big")
        }
