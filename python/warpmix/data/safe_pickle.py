"""Reading pickles of arrays from strangers.

A pickle is a program: it may call anything that it can name. This reader lets it name what an
array of numbers needs and nothing else, and even those names are stand-ins that check what they are
given.
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from warpmix._pickles import checked_opcodes
from warpmix._reading import InvalidFileError, in_words

_ADMITTED = "numpy arrays, bytes, str, numbers and plain containers"


def load_pickle(path: Path) -> Any:
    """Read a pickle that holds numpy arrays of numbers, bytes, str, numbers and plain containers.

    Strings of Python 2 come back as bytes. Arrays pickled by numpy 1 and 2 with protocols 2 to 4
    are read; nothing from the file is called.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file names anything else (the name is in the message), or it is cut off or
            no pickle at all.
    """
    content = path.read_bytes()
    try:
        _check_size(content)
        return _ArrayUnpickler(io.BytesIO(content), encoding="bytes").load()
    except _RefusedError as refusal:
        raise InvalidFileError(
            f"{path} is refused: it holds {refusal}, and only {_ADMITTED} are read from a "
            "pickle; get the file from its official source"
        ) from None
    except Exception as error:  # a damaged pickle can raise nearly any type
        raise InvalidFileError(
            f"{path} is damaged or not a pickle of arrays ({in_words(error)}); "
            "get the file again from its official source"
        ) from error


_MOST_TUPLES = 20  # an array has one, its shape
_SETS = ("EMPTY_SET", "ADDITEMS", "FROZENSET")


def _check_size(content: bytes) -> None:
    """Refuse what would take more memory or time than the file's size suggests.

    A tuple of tuples, each twice the one before, is hashed for ever.

    Raises:
        ValueError: as :func:`warpmix._pickles.checked_opcodes`.
        _RefusedError: sets, or tuples that no array needs.
    """
    tuples, is_argument = 0, False
    for name in checked_opcodes(io.BytesIO(content)):
        if name in _SETS:
            raise _RefusedError("a set")
        if name not in ("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"):
            tuples += is_argument and name not in ("REDUCE", "BUILD")
            is_argument = "TUPLE" in name
        if tuples > _MOST_TUPLES:
            raise _RefusedError("tuples that are no shapes")


class _RefusedError(Exception):
    """The pickle holds what is named here."""


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        # The stand-ins are instances without a __dict__, so a pickle cannot write into them either.
        match module, name:
            case ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct"):
                return _NewArray()
            case ("numpy", "ndarray"):
                return _NDARRAY
            case ("numpy", "dtype"):
                return _NewDtype()
            case ("_codecs", "encode"):  # how Python 3 writes bytes in protocol 2
                return _Latin1Bytes()
        raise _RefusedError(f"{module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise _RefusedError("a reference to an object outside the file")


_NDARRAY = "numpy.ndarray"


class _NewArray:
    """Stands for numpy's ``_reconstruct(ndarray, (0,), b"b")``: an empty array to be filled."""

    __slots__ = ()

    def __call__(self, kind: Any, shape: Any, code: Any) -> _Array:
        if isinstance(code, tuple) or shape not in ((), (0,)):
            raise _RefusedError("an array that is not empty at first")
        if kind != _NDARRAY:
            raise _RefusedError(f"an array of the type {kind!r}")
        return np.zeros(0, np.uint8).view(_Array)


class _Array(np.ndarray):
    """An array that fills itself from a pickle's state, which it checks first."""

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran_order, raw = state
        if not isinstance(dtype, _Dtype) or not isinstance(raw, bytes):
            raise _RefusedError("an array of something other than numbers")
        checked: Any = (1, shape, dtype.resolve(), bool(fortran_order), raw)
        super().__setstate__(checked)


class _NewDtype:
    """Stands for ``numpy.dtype(code, align, copy)``."""

    __slots__ = ()

    def __call__(self, code: Any, align: Any = False, copy: Any = True) -> _Dtype:
        if not isinstance(code, str | bytes) or isinstance(align, tuple) or isinstance(copy, tuple):
            raise _RefusedError("a dtype of something other than a code")
        return _Dtype(code)


class _Dtype:
    """A dtype code such as ``u1``, and the byte order that follows in the pickle's state."""

    __slots__ = ("_code", "_order")

    def __init__(self, code: Any) -> None:
        self._code = code.decode("ascii") if isinstance(code, bytes) else code
        self._order = "|"

    def __setstate__(self, state: Any) -> None:
        order = state[1]
        self._order = order.decode("ascii") if isinstance(order, bytes) else order

    def resolve(self) -> np.dtype[Any]:
        dtype = np.dtype(self._order + self._code)
        if dtype.kind not in "biuf":  # bool, integers, floats: no objects, no records
            raise _RefusedError(f"an array of {dtype}")
        return dtype


class _Latin1Bytes:
    """Stands for ``_codecs.encode(text, "latin1")``."""

    __slots__ = ()

    def __call__(self, text: str, encoding: str) -> bytes:
        if encoding != "latin1":
            raise _RefusedError(f"text encoded as {encoding!r}")
        return text.encode("latin1")
