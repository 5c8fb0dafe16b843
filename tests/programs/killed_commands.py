"""Runs ``warpmix`` commands in forked children, and kills them: a JSON line in, a JSON line out.

A job is ``{"arguments", "folder", "log", "at_write", "full", "after"}``: the command, where it
runs, a file for what it prints; the k-th write (from 1) at which it is killed, or from which on its
disk is full; and the seconds after which it is killed. The answer is ``{"code", "writes",
"seconds"}``, with code -9 for a killed one.

All that is slow to import is imported once, before the children are forked.
"""

from __future__ import annotations

import errno
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
FREEING_EVENTS = {"os.remove", "os.rmdir", "os.truncate"}  # what a full disk allows


class Writes:
    """Counts what a process does to files, and stops it at the k-th: before it is done, or in the
    middle where it writes bytes.

    Args:
        last: k; None for never.
        full: that is to be told that the disk is full, instead of being killed.
    """

    def __init__(self, last: int | None, full: bool) -> None:
        self.count, self.last, self.full = 0, last, full
        sys.addaudithook(self._event)
        for name in ("fsync", "fdatasync", "posix_fallocate"):
            setattr(os, name, self._counted(getattr(os, name)))
        for name in ("write_bytes", "write_text"):
            setattr(Path, name, self._halved(getattr(Path, name)))

    def _is_over(self) -> bool:
        self.count += 1
        return self.last is not None and self.count >= self.last

    def _stop(self) -> None:
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        os.kill(os.getpid(), signal.SIGKILL)

    def _event(self, event: str, arguments: tuple[Any, ...]) -> None:
        opened = event == "open" and bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
        if not (opened or event in WRITING_EVENTS) or (self.full and event in FREEING_EVENTS):
            return
        if self._is_over():
            self._stop()

    def _counted(self, original: Any) -> Any:
        def counted(*arguments: Any) -> Any:
            if self._is_over():
                self._stop()
            return original(*arguments)

        return counted

    def _halved(self, original: Any) -> Any:
        def halved(path: Path, data: Any, *options: Any, **named: Any) -> Any:
            if self._is_over():
                original(path, data[: len(data) // 2], *options, **named)
                self._stop()
            return original(path, data, *options, **named)

        return halved


def run(job: dict[str, Any], answer: int) -> None:
    """Run a command in this process, which is a forked one, and end it."""
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.chdir(job["folder"])
    writes = Writes(job["at_write"], job["full"])
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
