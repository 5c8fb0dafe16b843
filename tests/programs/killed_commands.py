"""Runs ``warpmix`` commands in forked children, and kills them: a JSON line in, a JSON line out.

A job is ``{"arguments", "folder", "log", "at_write", "after"}``: the command, where it runs, a
file for what it prints, and when it is killed: at its k-th write (from 1), after so many seconds,
or never. The answer is ``{"code", "writes", "seconds"}``, with code -9 for a killed one.

All that is slow to import is imported once, before the children are forked.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import matplotlib.pyplot
import sklearn.datasets
import sklearn.model_selection
import torch

import warpmix.evaluation
import warpmix.figures.evaluation
import warpmix.train.ensembles
from warpmix.cli import app

PRELOADED = (matplotlib.pyplot, sklearn, warpmix.evaluation, warpmix.figures, warpmix.train)
WRITING_EVENTS = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate"}


class Writes:
    """Counts what a process does to files, and ends the process at the k-th: before it is done, or
    in the middle where it writes bytes."""

    def __init__(self, last: int | None) -> None:
        self.count, self.last = 0, last
        sys.addaudithook(self._event)
        os.fsync = self._counted(os.fsync)
        os.fdatasync = self._counted(os.fdatasync)
        for name in ("write_bytes", "write_text"):
            setattr(Path, name, self._halved(getattr(Path, name)))

    def _next(self) -> bool:
        self.count += 1
        return self.count == self.last

    def _event(self, event: str, arguments: tuple[Any, ...]) -> None:
        opened = event == "open" and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if (opened or event in WRITING_EVENTS) and self._next():
            die()

    def _counted(self, original: Any) -> Any:
        def counted(*arguments: Any) -> Any:
            if self._next():
                die()
            return original(*arguments)

        return counted

    def _halved(self, original: Any) -> Any:
        def halved(path: Path, data: Any, *options: Any, **named: Any) -> Any:
            if self._next():
                original(path, data[: len(data) // 2], *options, **named)
                die()
            return original(path, data, *options, **named)

        return halved


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def run(job: dict[str, Any], answer: int) -> None:
    """Run a command in this process, which is a forked one, and end it."""
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(job["folder"])
    writes = Writes(job["at_write"])
    code: Any = 1
    try:
        app(job["arguments"], prog_name="warpmix")
    except SystemExit as end:
        code = end.code
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(answer, str(writes.count).encode())
        os._exit(code or 0)


def main() -> None:
    torch.set_num_threads(1)
    for line in sys.stdin:
        job = json.loads(line)
        begin = time.monotonic()
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            run(job, writing)
        os.close(writing)
        ended, status = 0, 0
        while job["after"] is not None and not ended and time.monotonic() - begin < job["after"]:
            ended, status = os.waitpid(child, os.WNOHANG)
            time.sleep(0.001)
        if not ended:
            if job["after"] is not None:
                os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
        with os.fdopen(reading) as counted:
            writes = int(counted.read() or 0)
        code = os.waitstatus_to_exitcode(status)
        result = {"code": code, "writes": writes, "seconds": time.monotonic() - begin}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
