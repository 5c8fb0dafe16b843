"""Every command that writes, killed or on a full disk: the same one again ends as if nothing were.

``WARPMIX_TEST_KILLS`` is the number of kills a command; every other one is at a random moment.
"""

from __future__ import annotations

import csv
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import noisy_classes
from PIL import Image
from safetensors import safe_open

KILLS = int(os.environ.get("WARPMIX_TEST_KILLS", "2"))
PROGRAM = Path(__file__).parent / "programs" / "killed_commands.py"
SMALL = ("--batch-size", "16", "--device", "cpu", "--threads", "1")
COMMANDS = {
    "train": ("train", "digits", "--few-shot", "5", "--epochs", "2", *SMALL, "--out", "run"),
    "prepare": ("data", "prepare", "photos", "--cache", "cache"),
    "prepare mixed sizes": ("data", "prepare", "mixed", "--cache", "cache"),
    "import runs": ("ensemble", "import", "new", "runs/seed0", "runs/seed1"),
    "import files": ("ensemble", "import", "new", "all.npz", "--split", "val"),
    "export": ("ensemble", "export", "store", "--method", "stack", "--out", "bundle"),
    "predict": ("predict", "runs/seed0", "--out", "p.safetensors", "--submission", "s.csv"),
    "evaluate": ("evaluate", "runs/seed0", "--errors", "2", "--maps", "2"),
    "remove": ("ensemble", "remove", "store", "seed0", "seed1"),
    "vote": ("vote", "store", "--out", "vote"),
    "diversity": ("ensemble", "diversity", "store", "--out", "measured"),
    "compare": ("compare", "runs/seed0", "runs/seed1", "--out", "compared"),
    "preview": ("preview", "photos", "--augment", "warsaw-all", "--out", "preview.png"),
    "decide": ("ensemble", "predict", "made", "store", "--out", "labels.csv"),
}
NO_SPACE = r"error: (.*: )?cannot write \S.*: No space left on device; free some space there"


class Server:
    """Commands in processes that need no seconds to start."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder.with_suffix(".log")
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        self._process = subprocess.Popen(
            [sys.executable, PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )

    def run(
        self,
        *arguments: str,
        at_write: int | None = None,
        full: bool = False,
        after: float | None = None,
    ) -> dict[str, Any]:
        job = {
            "arguments": arguments,
            "folder": str(self.folder),
            "log": str(self._log),
            "at_write": at_write,
            "full": full,
            "after": after,
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def printed(self) -> str:
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose folder holds images, two runs on them, a store and a bundle."""
    folder = tmp_path_factory.mktemp("kills") / "work"
    noisy_classes(folder / "photos", train=20, test=10, spread=230, dark=0, light=20)
    shutil.copytree(folder / "photos", folder / "mixed")
    for number, path in enumerate(sorted((folder / "mixed").rglob("*.png"))):
        Image.open(path).crop((0, 0, 8, 8 - number % 3)).save(path)
    noise = np.random.default_rng(0).random((3, 40, 2))
    shares = noise / noise.sum(axis=2, keepdims=True)
    np.savez(folder / "all.npz", a=shares[0], b=shares[1], c=shares[2])
    server = Server(folder)
    for seed in ("0", "1"):
        options = ("--epochs", "1", *SMALL, "--seed", seed, "--out", f"runs/seed{seed}")
        assert server.run("train", "photos", *options)["code"] == 0, server.printed()
    made = ("ensemble", "import", "store", "runs/seed0", "runs/seed1")
    assert server.run(*made)["code"] == 0, server.printed()
    made = ("ensemble", "export", "store", "--method", "soft", "--out", "made")
    assert server.run(*made)["code"] == 0, server.printed()
    shutil.copytree(folder, folder.with_name("template"))
    yield server
    server.close()


def content(path: Path) -> Any:
    """What a file must hold again: its bytes, but for times."""
    if path.name == "environment.json":
        return sorted(json.loads(path.read_text()))
    if path.name == "history.csv":
        with path.open(newline="") as file:
            return [{**row, "seconds": ""} for row in csv.DictReader(file)]
    if path.suffix == ".safetensors":  # which has its metadata in any order
        with safe_open(path, framework="np") as file:
            tensors = {name: file.get_tensor(name).tobytes() for name in file.keys()}  # noqa: SIM118
            # Those of a checkpoint have the history, with times.
            return tensors, None if path.stem == "checkpoint" else file.metadata()
    return path.read_bytes()


def tree(folder: Path) -> dict[str, Any]:
    """All that lies in a folder: files with their contents, and folders."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else content(path)
        for path in folder.rglob("*")
    }


def begin(server: Server) -> None:
    """Bring the folder to where the commands begin, with the same times of its files."""
    shutil.rmtree(server.folder)
    shutil.copytree(server.folder.with_name("template"), server.folder)


def whole(
    server: Server, command: str, *, full: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a command comes to that nothing disturbs: the server's answer, and the folder.

    With ``full``, its writes are those that a full disk forbids.
    """
    begin(server)
    answer = server.run(*COMMANDS[command], full=full)
    assert answer["code"] == 0, server.printed()
    want = tree(server.folder)
    assert want != tree(server.folder.with_name("template"))
    return answer, want


def check_mended(server: Server, command: str, want: dict[str, Any], when: dict[str, Any]) -> None:
    """The same command ends, with the same files, and no others."""
    answer = server.run(*COMMANDS[command])
    assert answer["code"] == 0, (when, server.printed())
    got = tree(server.folder)
    assert got.keys() == want.keys(), (when, sorted(got.keys() ^ want.keys()))
    assert [name for name in want if got[name] != want[name]] == [], when


@pytest.mark.parametrize("command", COMMANDS)
def test_a_killed_command_is_mended_by_the_same_one(server: Server, command: str) -> None:
    answer, want = whole(server, command)
    moments = random.Random(command)
    for kill in range(KILLS):
        if kill % 2:
            when: dict[str, Any] = {"after": moments.uniform(0, answer["seconds"])}
        else:
            when = {"at_write": moments.randint(1, answer["writes"])}
        while True:
            begin(server)
            if server.run(*COMMANDS[command], **when)["code"] == -9:
                break
            when["after"] *= 0.9  # it was faster this time
        check_mended(server, command, want, when)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_full_disk_is_named_with_the_file_and_the_remedy(server: Server, command: str) -> None:
    answer, want = whole(server, command, full=True)
    moments = random.Random(command)
    for _ in range((KILLS + 1) // 2):
        when = {"at_write": moments.randint(1, answer["writes"])}
        begin(server)
        code = server.run(*COMMANDS[command], full=True, **when)["code"]
        printed = server.printed()
        assert code == 2, (when, printed)
        errors = [line for line in printed.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1 and "Traceback" not in printed, (when, printed)
        assert re.match(NO_SPACE, errors[0]), (when, printed)
        hidden = [name for name in tree(server.folder) if Path(name).name.startswith(".")]
        assert hidden == [name for name in hidden if name.endswith(".lock")], when
        check_mended(server, command, want, when)
