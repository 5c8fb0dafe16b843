"""What a person sees while a model trains: live bars, and one line an epoch."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from warpmix.train.callbacks import Callback
from warpmix.train.history import EpochRecord
from warpmix.train.trainer import Trainer

_HEADER = "epoch            lr  train loss accuracy  val loss  accuracy      time"


class TrainingProgress(Callback):
    """A bar for the epochs, a bar for the steps, and above them a line for every epoch done.

    Where the console is not a terminal the bars are left out and the lines remain.

    Args:
        console: where to draw; None draws nothing.
    """

    def __init__(self, console: Console | None) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description:>6}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=console is None or not console.is_terminal,
        )
        self._headed = False
        self._warned = False

    def __enter__(self) -> TrainingProgress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bars.stop()

    def on_fit_start(self, trainer: Trainer) -> None:
        """Begin with the epochs that an earlier part of the run has done."""
        done = len(trainer.history)
        self._epoch_bar = self._bars.add_task("epochs", total=trainer.epochs, completed=done)
        self._step_bar = self._bars.add_task("steps", total=trainer.steps_per_epoch)
        self._bars.start()

    def on_step_end(self, trainer: Trainer) -> None:
        """Move both bars by one optimiser step."""
        self._bars.advance(self._epoch_bar, 1 / trainer.steps_per_epoch)
        self._bars.advance(self._step_bar)

    def on_epoch_end(self, trainer: Trainer) -> None:
        """Print the epoch's line."""
        record = trainer.history[-1]
        self._bars.update(self._epoch_bar, completed=record.epoch)
        self._bars.reset(self._step_bar)
        if self._console is None:
            return
        if not self._headed:
            self._console.print(_HEADER, style="bold")
            self._headed = True
        mark = ""
        if trainer.divergence is not None:
            mark = "  diverged"
        elif record.validation_loss is not None and trainer.stopping.best_epoch == record.epoch:
            mark = "  best"
        self._console.print(_line(record, trainer.epochs) + mark, highlight=False)
        words = trainer.trouble_in_words()
        if words is not None and not self._warned:
            self._console.print(words, style="yellow", highlight=False)
        self._warned = words is not None


def _line(record: EpochRecord, epochs: int) -> str:
    """Return the epoch's figures, each right under its name in the header."""
    validation = " " * 20
    if record.validation_loss is not None and record.validation_accuracy is not None:
        validation = f"{_loss(record.validation_loss, 9)}  {record.validation_accuracy:8.2%} "
    return (
        f"{record.epoch:>4}/{epochs:<4} {record.lr:9.2e} {_loss(record.train_loss, 11)} "
        f"{record.train_accuracy:8.2%} {validation} {record.seconds:6.1f} s"
    )


def _loss(value: float, width: int) -> str:
    return f"{value:{width}.4f}" if value < 1000 else f"{value:{width}.3g}"
