"""Case files: calls of the CPU operators with their results, for whoever runs the GPU's code.

A file is little-endian and has no padding:

    file      "WMCASES1", u32 number of cases, the cases
    case      u32 bytes of what follows, string operator, string label, u8 ends, u32 number of
              arguments, the arguments in the schema's order (csrc/ops.cpp), left-out ones too
    string    u32 bytes, UTF-8
    ends      0: the call returns, with the outputs of the file. 1: the call is refused, by an
              error of the checks or by a kernel that stops (``__trap``); outputs don't count
    argument  u8 tag, then
              'N'  nothing: None
              'i'  i64: int and bool
              'd'  f64: float
              'I'  u32 n, n x i64: int[]
              'D'  u32 n, n x f64: float[]
              'T'  u8 is_output, i32 scalar type (c10::ScalarType: 0 uint8, 3 int32, 4 int64,
                   5 float16, 6 float32, 7 float64, 11 bool, 15 bfloat16), u32 dimensions,
                   i64 sizes, i64 strides in elements, u64 bytes, the elements as they lie in memory

Tensors are dense, in any order of their dimensions. An output holds what the CPU operator wrote:
who runs the case gives the kernel memory with other bytes, and compares bit for bit afterwards.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

MAGIC = b"WMCASES1"
RETURNS, REFUSED = 0, 1
SCALAR_TYPES = {
    torch.uint8: 0,
    torch.int32: 3,
    torch.int64: 4,
    torch.float16: 5,
    torch.float32: 6,
    torch.float64: 7,
    torch.bool: 11,
    torch.bfloat16: 15,
}


@dataclass
class Recorded:
    """One call; ``body`` is what the file holds of it after its length."""

    operator: str
    label: str
    body: bytes


class Recorder(TorchDispatchMode):
    """Inside, every call of an operator of warpmix runs and is kept, in ``cases``.

    Operators and their outputs are known by their schemas: a new one needs nothing here.

    Attributes:
        name: begins the labels of what is recorded from now on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cases: list[Recorded] = []
        self.name = ""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Run an operator, after its inputs and before its outputs are written down."""
        if func.namespace != "warpmix" or not _outputs(func):
            return func(*args, **(kwargs or {}))
        values = _bound(func, args, kwargs or {})
        outputs = _outputs(func)
        packed = [
            b"" if name in outputs else _packed(value, type_, False)
            for name, type_, value in values
        ]
        result, ends = None, RETURNS
        try:
            result = func(*args, **(kwargs or {}))
        except RuntimeError:
            ends = REFUSED
        arguments = [
            _packed(value, type_, True) if name in outputs else before
            for (name, type_, value), before in zip(values, packed, strict=True)
        ]
        operator = func._schema.name.partition("::")[2]
        label = " ".join([self.name, *(_shown(v) for _, _, v in values if isinstance(v, Tensor))])
        head = _string(operator) + _string(label) + struct.pack("<BI", ends, len(arguments))
        self.cases.append(Recorded(operator, label, head + b"".join(arguments)))
        return result

    def write(self, path: Path) -> None:
        """Write the case file."""
        with path.open("wb") as file:
            file.write(MAGIC + struct.pack("<I", len(self.cases)))
            for case in self.cases:
                file.write(struct.pack("<I", len(case.body)) + case.body)


class Altered(TorchDispatchMode):
    """Inside, operators that are recorded get another tensor as the argument of a name."""

    def __init__(self, name: str, tensor: Tensor) -> None:
        super().__init__()
        self.name, self.tensor = name, tensor

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operator with the other tensor."""
        names = [a.name for a in func._schema.arguments]
        if func.namespace == "warpmix" and _outputs(func) and self.name in names:
            place = names.index(self.name)
            args = (*args[:place], self.tensor, *args[place + 1 :])
        return func(*args, **(kwargs or {}))


def _outputs(func: Any) -> set[str]:
    """Name the arguments that an operator writes."""
    return {a.name for a in func._schema.arguments if a.alias_info and a.alias_info.is_write}


def _bound(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[tuple[str, str, Any]]:
    """Give (name, type, value) of each argument of the schema."""
    return [
        (a.name, str(a.type), args[i] if i < len(args) else kwargs.get(a.name, a.default_value))
        for i, a in enumerate(func._schema.arguments)
    ]


def _string(text: str) -> bytes:
    return struct.pack("<I", len(text.encode())) + text.encode()


def _packed(value: Any, type_: str, is_output: bool) -> bytes:
    if value is None:
        return b"N"
    if isinstance(value, Tensor):
        sizes, strides, elements = value.shape, value.stride(), _elements(value)
        head = struct.pack("<cBiI", b"T", is_output, SCALAR_TYPES[value.dtype], value.dim())
        shape = struct.pack(f"<{2 * value.dim()}q", *sizes, *strides)
        return head + shape + struct.pack("<Q", len(elements)) + elements
    if type_ == "List[int]":
        return struct.pack(f"<cI{len(value)}q", b"I", len(value), *value)
    if type_ == "List[float]":
        return struct.pack(f"<cI{len(value)}d", b"D", len(value), *value)
    if type_ == "float":
        return struct.pack("<cd", b"d", value)
    return struct.pack("<cq", b"i", value)


def _elements(tensor: Tensor) -> bytes:
    """Give a dense tensor's bytes in the order in which they lie in memory."""
    if tensor.numel() == 0:
        return b""
    order = sorted(range(tensor.dim()), key=lambda d: (tensor.stride(d), tensor.size(d)))[::-1]
    lying = tensor.permute(order)
    if not lying.is_contiguous():
        raise ValueError(f"case files hold dense tensors, got strides {tensor.stride()}")
    return lying.reshape(-1).view(torch.uint8).numpy().tobytes()


def _shown(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')}{list(tensor.shape)}".replace(" ", "")
