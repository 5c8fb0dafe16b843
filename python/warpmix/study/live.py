"""What a person sees while a study runs: a table by sweep, with the time left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from warpmix.study.recipe import Recipe
from warpmix.study.results import RunResult

_LINE_EVERY = 30.0  # seconds between lines where the console is no terminal


def status_table(recipe: Recipe, runs: Sequence[RunResult], note: str = "") -> Table:
    """Return a table with a row a sweep: how many of its runs are done, failed, running, left."""
    table = Table(title=recipe.title, caption=note or None, title_justify="left")
    table.add_column("sweep")
    for name in ("runs", "done", "failed", "running", "left"):
        table.add_column(name, justify="right")
    for name in dict.fromkeys(run.sweep for run in runs):
        table.add_row(name, *_counts([run for run in runs if run.sweep == name]))
    table.add_section()
    table.add_row("all", *_counts(runs))
    return table


def _counts(runs: Sequence[RunResult]) -> list[str]:
    count = Counter(run.status for run in runs)
    parts = (len(runs), *(count[s] for s in ("done", "failed", "running", "missing")))
    return [str(part) if part else "–" for part in parts]


class LiveStatus:
    """Shows a study while it runs; where the console is no terminal, a line from time to time.

    Args:
        console: where to draw.
        recipe: of the study.
    """

    def __init__(self, console: Console, recipe: Recipe) -> None:
        self._console, self._recipe = console, recipe
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._start, self._first = time.monotonic(), -1
        self._printed, self._is_over = 0.0, False

    def __enter__(self) -> LiveStatus:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def update(self, runs: Sequence[RunResult]) -> None:
        """Show the runs as they are now."""
        ended = sum(run.status in ("done", "failed") for run in runs)
        if self._first < 0:
            self._first = ended
        note = self._time_left(ended, len(runs))
        if self._live is not None:
            self._live.update(status_table(self._recipe, runs, note), refresh=True)
        elif not self._is_over and (
            time.monotonic() - self._printed > _LINE_EVERY or ended == len(runs)
        ):
            self._printed, self._is_over = time.monotonic(), ended == len(runs)
            failed = sum(run.status == "failed" for run in runs)
            words = f", {failed} failed" if failed else ""
            self._console.print(f"{ended} of {len(runs)} runs{words}; {note}", highlight=False)

    def _time_left(self, ended: int, planned: int) -> str:
        """Say how long the rest takes if its runs are, on average, as long as those so far."""
        passed = time.monotonic() - self._start
        spent = f"{timedelta(seconds=round(passed))} passed"
        done = ended - self._first
        if ended == planned or done < 1:
            return spent
        left = timedelta(seconds=round(passed / done * (planned - ended)))
        return f"{spent}, about {left} left"
