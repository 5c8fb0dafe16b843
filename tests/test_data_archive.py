"""Archives from strangers: unpacked whole and inside their folder, or not at all."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest

from warpmix.data.archive import check_md5, extract_archive


def test_check_md5(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    check_md5(tmp_path / "file", "900150983cd24fb0d6963f7d28e17f72")  # RFC 1321


def link(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd"
    return member


@pytest.mark.parametrize(
    ("member", "reason"),
    [
        (tarfile.TarInfo("top/../../evil"), "a path that leaves the folder"),
        (tarfile.TarInfo("../evil"), "a path that leaves the folder"),
        (tarfile.TarInfo("/tmp/evil"), "a path that leaves the folder"),
        (tarfile.TarInfo("other/evil"), "a path outside the folder top"),
        (link("top/link", tarfile.SYMTYPE), "a link or a device"),
        (link("top/link", tarfile.LNKTYPE), "a link or a device"),
        (link("top/device", tarfile.CHRTYPE), "a link or a device"),
    ],
)
def test_archives_that_reach_out_are_refused_whole(
    tmp_path: Path, member: tarfile.TarInfo, reason: str
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with tarfile.open(inside / "archive.tar", "w") as tar:
        tar.addfile(tarfile.TarInfo("top/good"))
        tar.addfile(member)
    with pytest.raises(ValueError, match=f"archive.tar is refused: its member '{member.name}'"):
        extract_archive(inside / "archive.tar", "top", md5=None)
    with pytest.raises(ValueError, match=reason):
        extract_archive(inside / "archive.tar", "top", md5=None)
    assert [path.name for path in tmp_path.rglob("*")] == ["inside", "archive.tar"]


def test_damaged_archives_leave_nothing(tmp_path: Path) -> None:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w:gz") as tar:
        member = tarfile.TarInfo("top/noise")
        member.size = 50_000
        tar.addfile(member, io.BytesIO(np.random.default_rng(0).bytes(member.size)))
    content = whole.getvalue()
    path = tmp_path / "archive.tar.gz"
    damaged = content[:20_000] + b"\0" * 100 + content[20_100:]
    for broken in (content[:-1000], content[: len(content) // 2], damaged, b"", b"no archive"):
        path.write_bytes(broken)
        with pytest.raises(ValueError, match=r"damaged, or something else|has no folder top"):
            extract_archive(path, "top", md5=None)
        assert list(tmp_path.iterdir()) == [path]
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"has no folder other|outside the folder other"):
        extract_archive(path, "other", md5=None)
