"""`warpmix` with the file STARTS, in which every worker writes down what it trains."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from warpmix.cli import main
from warpmix.study import executors, worker


def train_and_log(folder: Path, tasks: Sequence[worker.Task]) -> dict[str, worker.Outcome]:
    fit = worker._fit

    def logged(tasks: Sequence[worker.Task], folders: Sequence[Path], resume: bool):
        with open(os.environ["STARTS"], "a") as file:
            file.write("".join(f"{os.getpid()} {task.id}\n" for task in tasks))
        return fit(tasks, folders, resume)

    with mock.patch.object(worker, "_fit", logged):
        return worker.train_tasks(folder, tasks)


if __name__ == "__main__":
    with mock.patch.object(executors, "train_tasks", train_and_log):
        sys.exit(main())
