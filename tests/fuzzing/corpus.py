"""The smallest files, by reader, on which readers have failed."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable

import numpy as np

Change = Callable[[bytes], bytes]  # from the valid file to the damaged one


def header(text: str) -> Change:
    """Another header of an ``.npy`` file."""

    def change(content: bytes) -> bytes:
        body = content[10 + int.from_bytes(content[8:10], "little") :]
        return content[:8] + len(text).to_bytes(2, "little") + text.encode() + body

    return change


def shape(text: str, kind: str = "<f4") -> Change:
    """Another shape, and another type, of an ``.npy`` file."""
    return header(f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {text}}}\n")


def whole(content: bytes | str) -> Change:
    """A whole file in the place of the valid one."""
    return lambda _: content if isinstance(content, bytes) else content.encode()


def fact(name: str, value: object) -> Change:
    """Another value in the metadata of a safetensors file; None takes it out."""

    def change(content: bytes) -> bytes:
        size = int.from_bytes(content[:8], "little")
        described = json.loads(content[8 : 8 + size])
        about = described["__metadata__"]
        if value is None:
            del about[name]
        else:
            about[name] = value if isinstance(value, str) else json.dumps(value)
        text = json.dumps(described).encode()
        return len(text).to_bytes(8, "little") + text + content[8 + size :]

    return change


def spec(**values: object) -> Change:
    """Another spec of a model, field by field."""

    def change(content: bytes) -> bytes:
        size = int.from_bytes(content[:8], "little")
        facts = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["warpmix"])
        return fact("warpmix", {**facts, "spec": {**facts["spec"], **values}})(content)

    return change


def key(name: str, value: object = None) -> Change:
    """Another value in a JSON object; None takes it out."""

    def change(content: bytes) -> bytes:
        values = json.loads(content)
        values[name] = value
        return json.dumps({k: v for k, v in values.items() if v is not None}).encode()

    return change


def replaced(old: bytes, new: bytes) -> Change:
    """Another text in the place of the first of one."""

    def change(content: bytes) -> bytes:
        assert old in content
        return content.replace(old, new, 1)

    return change


def flipped(content: bytes) -> bytes:
    """One bit is another, in the numbers of the first array."""
    made = bytearray(content)
    made[200] ^= 1
    return bytes(made)


def half(content: bytes) -> bytes:
    """Cut in the middle."""
    return content[: len(content) // 2]


def declared(size: int) -> Change:
    """An archive whose first array says that it has so many bytes."""

    def change(content: bytes) -> bytes:
        at = content.index(b"PK\1\2") + 24
        return content[:at] + struct.pack("<I", size) + content[at + 4 :]

    return change


def labels_npz(label: int) -> bytes:
    """Six images, one of them of a large label."""
    made = io.BytesIO()
    np.savez(made, images=np.zeros((6, 8, 8, 3), np.uint8), labels=np.array([0, 1, 2, 0, 1, label]))
    return made.getvalue()


def doubled() -> bytes:
    """An archive that holds an array twice."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in ("a.npy", "a"):
            archive.writestr(name, b"")
    return made.getvalue()


BRACKETS = "[" * 100_000
LEVELS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
ITSELF = "augment: &a [*a]\nbase: &b {b: *b}\n"

CORPUS: dict[str, dict[str, Change]] = {
    "predictions .npy": {
        "a bracket": header("("),
        "10^12 elements": shape("(1000000000000,)"),
        "nested": header("(" * 3000),
        "negative": shape("(-1, 3)"),
        "no bytes an element": shape("(1000000000000,)", "<U0"),
        "objects": shape("(6, 3)", "|O"),
        "an empty file": whole(b""),
        "cut": half,
    },
    "predictions .npz": {
        "cut": half,
        "a bit": flipped,
        "a name twice": whole(doubled()),
        "4 GB declared": declared(2**32 - 2),
        "no archive": whole(b"PK\3\4"),
    },
    "predictions .csv": {
        "label --1": replaced(b"img1,1,", b"img1,--1,"),
        "a long field": replaced(b"img1", b"x" * 131_073),
        "an open quotation mark": replaced(b"img0", b'"' + b"x" * 140_000),
        "a label of 400 digits": replaced(b"img1,1,", b"img1," + b"9" * 400 + b","),
        "no UTF-8": replaced(b"img1", b"\xff\xfe"),
        "zeros": whole(bytes(100)),
    },
    "predictions .safetensors": {
        "no model": fact("model", None),
        "classes of brackets": fact("classes", BRACKETS),
        "classes of numbers": fact("classes", [1, 2, 3]),
        "cut": half,
        "a header of 2^63 bytes": lambda c: struct.pack("<Q", 2**63) + c[8:],
    },
    "store: member alone": {
        "no kind": fact("kind", None),
        "no split": fact("split", None),
        "a long split": fact("split", "x" * 5000),
        "a seed of text": fact("seed", '"a"'),
    },
    "store: index.json": {
        "empty": whole("{}"),
        "brackets": whole(BRACKETS),
        "entries of numbers": key("entries", [1]),
        "a list": whole("[]"),
    },
    "store: samples alone": {"no ids": fact("ids", None), "of numbers": fact("ids", "int64")},
    "images .npz": {"a label of 300,000,000": whole(labels_npz(300_000_000)), "cut": half},
    "labels .npy": {
        "10^12 elements": shape("(1000000000000,)", "<i8"),
        "text": shape("(1,)", "<U2"),
    },
    "CIFAR-10 batch": {
        "8 bytes of length": whole(b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b"."),
        "4 GB of text": whole(b"\x80\x02X" + struct.pack("<I", 2**32 - 1) + b"."),
        "a far place": whole(b"\x80\x02Nr" + struct.pack("<I", 2**31) + b"."),
        "an array of 8 GB": whole(b"\x80\x05\x96" + struct.pack("<Q", 2**33) + b"."),
        "tuples of tuples": whole(b"\x80\x02}N\x85" + b"2\x86" * 60 + b"Ns."),
        "labels too few": whole(
            pickle.dumps({"data": np.zeros((3, 3072), "u1"), "labels": [0]}, 2)
        ),
        "a label of 2^70": whole(
            pickle.dumps({"data": np.zeros((1, 3072), "u1"), "labels": [2**70]}, 2)
        ),
    },
    "CIFAR-100 meta": {"names of numbers": whole(pickle.dumps({"fine_label_names": 3}, 2))},
    "CIFAR-100 names": {"no UTF-8": whole(b"a\nb\xff\n")},
    "study: environment.json": {
        "cut": half,
        "a list": whole("[]"),
        "no versions": key("versions", 3),
        "brackets": whole(BRACKETS),
    },
    "archive .tar.gz": {"cut": half, "nothing": whole(b"")},
    "Kaggle's trainLabels.csv": {
        "a row too short": whole("id,label\n1\n2,dog\n"),
        "a long field": whole("id,label\n1," + "x" * 140_000),
    },
    "cache.json": {
        "empty": whole("{}"),
        "no checksums": key("checksums", []),
        "too many checksums": key("checksums", [1, 2]),
        "a file left out twice": key("left_out", [[0, "a", True], [0, "a", True]]),
        "a file left out that is not there": key("left_out", [[99, "a", True]]),
        "another size": key("size", [4, 16]),
        "brackets": whole(BRACKETS),
    },
    "cache: sizes.i32": {
        "empty": whole(b""),
        "cut": half,
        "a negative height": lambda c: struct.pack("<i", -8) + c[4:],
        "two negative sides": lambda c: struct.pack("<ii", -8, -8) + c[8:],
        "4 exabytes": lambda c: struct.pack("<ii", 2**31 - 1, 2**31 - 1) + c[8:],
        "a row less": lambda c: struct.pack("<i", 7) + c[4:],
    },
    "recipe": {
        "aliases": whole(LEVELS),
        "itself": whole(ITSELF),
        "brackets": whole(BRACKETS),
        "merges": whole("a: &a {b: 1}\n<<: [" + "*a, " * 200_000 + "*a]"),
        "a date": whole("augment: 2024-13-32"),
        "no number": whole("augment: !!int ''"),
        "zeros": whole("\0"),
    },
    "settings .json": {
        "aliases": whole(LEVELS),
        "brackets": whole(BRACKETS),
        "a list": whole("[]"),
    },
    "run: config.json": {"empty": whole("[]"), "a long value": key("lr", "x" * 100_000)},
    "run: history.csv": {
        "another column": replaced(b"epoch", b"epoc"),
        "an epoch twice": replaced(b"\n2,", b"\n1,"),
        "a word": replaced(b"0.5", b"--1"),
        "more cells": replaced(b"\r\n", b",1\r\n"),
    },
    "run: trackers.json": {"a list": whole("[]"), "no epochs": whole('{"csv": {}}')},
    "model.safetensors": {
        "no spec": fact("warpmix", {}),
        "a spec of text": fact("warpmix", {"spec": "vgg3"}),
        "10^9 units": spec(head=[10**9]),
        "an image of 10^9 pixels": spec(image_size=[10**9, 10**9]),
        "a head of 10^5 layers": spec(head=[1] * 100_000),
        "10^9 channels": spec(channels=10**9),
        "10^6 filters": spec(options={"width": 10**6}),
        "10^9 encoder layers": spec(model="vit6", options={"encoder_layers": 10**9}),
        "an unknown field": spec(other=1),
        "NaN": spec(mean=[float("nan")] * 3),
        "empty": whole(b""),
        "brackets": fact("warpmix", BRACKETS),
    },
    "run: checkpoint": {
        "empty": whole(b""),
        "a tensor that is not there": replaced(b'{\\"tensor\\": \\"/', b'{\\"tensor\\": \\"x'),
        "a state of text": lambda c: fact("warpmix", {"spec": 1, "state": "x"})(c),
        "cut": half,
    },
    "weights .pth": {"empty": whole(b""), "cut": half, "text": whole("weights")},
    "weights .pth, before 1.6": {
        "4 GB of text": whole(b"\x80\x02X" + struct.pack("<I", 2**32 - 1) + b"."),
        "a far place": whole(b"\x80\x02Nr" + struct.pack("<I", 2**31) + b"."),
    },
    "bundle: ensemble.json": {
        "empty": whole("{}"),
        "no members": key("members", []),
        "a temperature of 0": key("temperature", 0),
        "brackets": whole(BRACKETS),
        "an unknown method": key("method", "x"),
    },
    "study recipe": {
        "aliases": whole(LEVELS),
        "itself": whole(ITSELF),
        "a key that is a list": whole("title: T\n? [a, b]\n: c\n"),
        "brackets": whole(BRACKETS),
        "10^9 repeats": replaced(b"repeats: 2", b"repeats: 1000000000"),
    },
    "study.json": {"empty": whole("{}"), "brackets": whole(BRACKETS), "no runs": key("runs", None)},
    "study: result.json": {"empty": whole("{}"), "text": key("seconds", "x")},
    "--set": {"itself": whole("&a [*a]"), "brackets": whole(BRACKETS)},
}  # fmt: skip

MENDED: dict[str, dict[str, Change]] = {
    "cache: journal.jsonl": {
        "block 7 of 1": replaced(b"[0,", b"[7,"),
        "brackets": whole(BRACKETS + "\n"),
        "a bit": lambda c: c[:5] + bytes([c[5] ^ 64]) + c[6:],
        "no UTF-8": whole(b"\xff\xfe\n"),
    },
    "study: error.txt": {"no UTF-8": whole(b"\xff\xfe")},
    "study: claim": {"empty": whole("{}"), "brackets": whole(BRACKETS), "a list": whole("[]")},
}
"""Damage that the reader mends: what is lost is made again, or is said to be unknown."""
