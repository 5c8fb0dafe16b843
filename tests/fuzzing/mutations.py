"""Damage: to bytes, and to what is written in them."""

from __future__ import annotations

import copy
import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any

Mutation = Callable[[random.Random, bytes], bytes]

VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2, 7, 300_000_000, 2**31, 2**63, 2**64, -(2**63), 10**30),
    *(0.5, -0.0, 1e-320, 1e308, float("nan"), float("inf"), -float("inf")),
    *(
        "",
        "--1",
        "1",
        "NaN",
        "true",
        "a" * 5000,
        "\0",
        "é\u202e",
        "../../x",
        "/",
        "[b]",
        "{}",
        "$x",
    ),
    *([], [[]], {}, {"a": 1}, [0] * 300, ["a", "a"], {"spec": "x"}, [None], [1, "a", []]),
)
TEXTS = (
    *(b"--1", b"NaN", b"inf", b"-inf", b"1e999", b"9" * 400, b"99999999999999999999", b"0x7f"),
    *(b"-", b"null", b"{}", b"[]", b"[" * 3000, b"{" * 3000, b'{"a":' * 2000, b"(" * 3000),
    *(b'"', b"'", b",", b";", b"\t", b"\n", b"\r\n", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"%"),
    *(b"&a [*a, *a]", b"*a", b"<<: *a", b"!!python/object:os.system", b"!!int ''", b"? ", b"- "),
    *(b"2024-13-32", b": ", b"!!binary x", b"!!float a", b"!!bool a", b"|", b">", b"#"),
    b"a" * 140_000,
    b"a: &a [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 9)) for i in range(9)
    ),
)  # fmt: skip


def damage(rng: random.Random, content: bytes) -> bytes:
    """Flip bits, cut, insert, repeat, or write large numbers; one to four times."""
    made = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        at = rng.randrange(len(made) + 1)
        length = rng.choice((1, 2, 4, 8, 64))
        match rng.randrange(8):
            case 0 | 1:
                if at < len(made):
                    made[at] ^= 1 << rng.randrange(8)
            case 2:
                del made[at:]
            case 3:
                del made[at : at + length]
            case 4:
                made[at:at] = rng.randbytes(length)
            case 5:
                made[at:at] = made[at : at + length] * rng.choice((1, 2, 50))
            case 6:
                number = rng.choice((0, 1, 127, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**64 - 1))
                code = rng.choice(("<Q", ">Q", "<I", ">I", "<H", "<B"))
                size = struct.calcsize(code)
                made[at : at + size] = struct.pack(code, number % 256**size)
            case 7:
                return bytes(made[:at])
    return bytes(made)


def damage_text(rng: random.Random, content: bytes) -> bytes:
    """Put something in the place of a word, a number or a line, or swap lines."""
    if rng.random() < 0.3:
        return damage(rng, content)
    made = content
    for _ in range(rng.choice((1, 1, 2))):
        if rng.random() < 0.2:
            lines = made.splitlines(keepends=True)
            rng.shuffle(lines)
            made = b"".join(lines[: rng.randrange(len(lines) + 1)] if rng.random() < 0.5 else lines)
            continue
        starts = [i for i, byte in enumerate(made) if not chr(byte).isalnum()] or [0]
        at = rng.choice(starts) + rng.choice((0, 1))
        end = at
        while end < len(made) and chr(made[end]).isalnum():
            end += 1
        made = made[:at] + rng.choice(TEXTS) + made[rng.choice((at, end)) :]
    return made


def change(rng: random.Random, values: Any) -> Any:
    """Return JSON values with one of them changed, renamed, dropped or put elsewhere."""
    places: list[tuple[Any, Any]] = []

    def walk(node: Any) -> None:
        children = node.items() if isinstance(node, dict) else enumerate(node)
        for key, child in children:
            places.append((node, key))
            if isinstance(child, dict | list):
                walk(child)

    if not isinstance(values, dict | list) or not values or rng.random() < 0.03:
        return copy.deepcopy(rng.choice(VALUES))
    walk(values)
    node, key = rng.choice(places)
    match rng.randrange(6):
        case 0 if isinstance(node, dict):
            node[rng.choice(("x", "", "__class__", key + "_", "a" * 3000))] = node.pop(key)
        case 1:
            del node[key]
        case 2 if isinstance(node, list):
            node += node[:1] * rng.choice((1, 2, 1000))
        case 3:
            other, place = rng.choice(places)
            if isinstance(other, dict) or place < len(other):
                node[key] = json.loads(json.dumps(other[place]))
        case _:
            node[key] = copy.deepcopy(rng.choice(VALUES))
    return values


def damage_json(rng: random.Random, content: bytes) -> bytes:
    """Change a value of JSON, or its text."""
    if rng.random() < 0.3:
        return damage_text(rng, content)
    return json.dumps(_changed(rng, json.loads(content))).encode()


def _changed(rng: random.Random, values: Any) -> Any:
    for _ in range(rng.choice((1, 1, 2))):
        values = change(rng, values)
    return values


def damage_safetensors(rng: random.Random, content: bytes) -> bytes:
    """Change the header of a safetensors file, the JSON in its metadata, or its bytes."""
    if rng.random() < 0.3:
        return damage(rng, content)
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    inner = [k for k, v in header.get("__metadata__", {}).items() if v[:1] in ("{", "[")]
    if inner and rng.random() < 0.7:
        key = rng.choice(inner)
        if rng.random() < 0.2:
            changed = damage_text(rng, header["__metadata__"][key].encode()).decode(
                "utf-8", "replace"
            )
        else:
            changed = json.dumps(_changed(rng, json.loads(header["__metadata__"][key])))
        header["__metadata__"][key] = changed
    elif "__metadata__" in header and rng.random() < 0.5:
        about = header["__metadata__"]
        key = rng.choice(list(about))
        if rng.random() < 0.4:
            del about[key]
        else:
            about[key] = rng.choice([v for v in VALUES if isinstance(v, str)])
    else:
        header = _changed(rng, header)
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def damage_npy(rng: random.Random, content: bytes) -> bytes:
    """Change the header of an ``.npy`` file, or its bytes."""
    if rng.random() < 0.3:
        return damage(rng, content)
    size = int.from_bytes(content[8:10], "little")
    header = content[10 : 10 + size]
    if rng.random() < 0.6:
        shape = header[header.index(b"(") : header.index(b")") + 1]
        new = rng.choice(
            (b"(1000000000000,)", b"(-1,)", b"(0,)", b"()", b"(0, 1000000000000)", b"(2, 0, 3)",
             b"(True, 2)", b"('a',)", b"(" + b"9" * 5000 + b",)", b"((1,),)", b"(1,)" * 5)
        )  # fmt: skip
        header = header.replace(shape, new)
    else:
        kinds = (b"'|O'", b"'<f8'", b"'>f4'", b"'<U99'", b"'<U0'", b"'|V4'", b"'<c16'", b"'<M8[s]'",
                 b"[('a','<f4')]", b"1", b"'|b1'", b"'|S5'", b"'<u8'", b"None")  # fmt: skip
        start = header.index(b"'descr': ") + 9
        header = header[:start] + rng.choice(kinds) + header[header.index(b",", start) :]
    if rng.random() < 0.3:
        header = damage_text(rng, header)
    header = header[:60_000]
    return content[:8] + len(header).to_bytes(2, "little") + header + content[10 + size :]


def damage_zip(rng: random.Random, content: bytes, inner: Mutation = damage_npy) -> bytes:
    """Change a member of an archive and write it with the right checksum, or change its bytes."""
    if rng.random() < 0.4:
        return damage(rng, content)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(list(members))
    if rng.random() < 0.2:
        members[rng.choice(("x.npy", "../x", "", "labels.npy"))] = members.pop(name)
    else:
        members[name] = inner(rng, members[name])
    made = io.BytesIO()
    kind = rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(made, "w", kind) as archive:
        for each, data in members.items():
            archive.writestr(each, data)
    return made.getvalue()


def damage_pickle(rng: random.Random, content: bytes) -> bytes:
    """Put an opcode into a pickle, with a large number, or change its bytes."""
    if rng.random() < 0.5:
        return damage(rng, content)
    large = rng.choice((2**31 - 1, 2**32 - 1, 2**62))
    opcode = rng.choice(
        (
            *(b"\x8e" + struct.pack("<Q", large), b"\x96" + struct.pack("<Q", large)),
            *(b"B" + struct.pack("<I", large % 2**32), b"r" + struct.pack("<I", large % 2**32)),
            *(b"\x8b" + struct.pack("<i", 2**31 - 1), b"\x95" + struct.pack("<Q", large)),
            *(
                b"(",
                b"t",
                b"R",
                b"b",
                b"\x85" * 50,
                b"N\x86" + b"2\x86" * 60 + b"}0",
                b"\x8f",
                b"\x91",
            ),
            *(
                b"cos\nsystem\n",
                b"c__builtin__\neval\n",
                b"j\xff\xff\xff\xff",
                b"I99999999999\n",
                b"]",
            ),
        )
    )
    at = rng.randrange(len(content))
    return content[:at] + opcode + content[at:]


def damage_png(rng: random.Random, content: bytes) -> bytes:
    """Change a chunk of a PNG file and write it with the right checksum, or change its bytes."""
    if rng.random() < 0.4:
        return damage(rng, content)
    made, at = content[:8], 8
    chunks = []
    while at + 12 <= len(content):
        size = int.from_bytes(content[at : at + 4], "big")
        chunks.append([content[at + 4 : at + 8], content[at + 8 : at + 8 + size]])
        at += 12 + size
    chosen = rng.choice(chunks)
    if chosen[0] == b"IHDR" and rng.random() < 0.7:
        side = rng.choice((0, 1, 9, 9_000, 13_000, 20_000, 2**31 - 1))
        chosen[1] = struct.pack(">I", side) + chosen[1][rng.choice((0, 4)) :][-9:]
    else:
        chosen[1] = damage(rng, chosen[1])
    for kind, data in chunks:
        checksum = zlib.crc32(kind + data)
        made += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)
    return made
