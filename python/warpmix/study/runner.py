"""Running a study: what is ready goes to the workers, until nothing is left."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from warpmix._files import make_folder
from warpmix.study.executors import Batch, Executor
from warpmix.study.folder import (
    ERROR_FILE,
    RESULTS_FILE,
    STUDY_FILE,
    claim_file,
    read_result,
    read_study,
    row_of,
    run_folder,
    write_results,
    write_study,
)
from warpmix.study.grouping import next_batch
from warpmix.study.plan import Plan, PlannedRun
from warpmix.study.results import RunResult
from warpmix.study.worker import Outcome, record_failure
from warpmix.train.claims import owner_of

_ATTEMPTS = 3  # of a run whose worker dies
_POLL = 0.5  # seconds between looks at other runners' runs
_WRITE = 2.0  # seconds between tables of results

OnChange = Callable[[Sequence[RunResult]], None]


class Runner:
    """Trains the runs of a plan that are not done yet.

    Several runners may work on one study folder, on one machine or on several that share it.

    Args:
        plan: what to run.
        folder: of the study.
        retry_failed: try failed runs of the plan again, once.
        on_change: called with all runs when one has changed, and every half second.
    """

    def __init__(
        self,
        plan: Plan,
        folder: Path,
        *,
        retry_failed: bool = False,
        on_change: OnChange = lambda runs: None,
    ) -> None:
        self._plan, self._folder, self._on_change = plan, folder, on_change
        self._results: dict[str, RunResult] = {}
        self._attempts: Counter[str] = Counter()
        self._in_work: set[str] = set()
        self._batches = 0
        self._written = 0.0
        self._planned: list[PlannedRun] = []
        self._retry_failed = retry_failed
        self._tried: set[str] = set()

    def run(self, executor: Executor) -> list[RunResult]:
        """Train until every run is done or has failed; return them in the plan's order.

        The executor is closed at the end, also by an error or a KeyboardInterrupt.
        """
        try:
            self._replan()
            while self._left():
                self._hand_out(executor)
                ended = executor.collect(_POLL)
                for batch, outcomes in ended:
                    self._take_in(batch, outcomes)
                if ended or not self._in_work:
                    self._replan()
                if not ended and not self._in_work:
                    time.sleep(_POLL)  # other runners have all that is left
                self._report(force=False)
        finally:
            executor.close()
            self._report(force=True)
        return self._rows()

    def _left(self) -> bool:
        return any(not run.id or run.id not in self._results for run in self._planned)

    def _replan(self) -> None:
        """Read what has been done, and plan what the best values allow."""
        previous = [run.id for run in self._planned]
        while True:
            self._planned = self._plan.runs(self._results)
            for run in self._planned if self._retry_failed else ():
                if run.id and run.id not in self._tried:
                    self._tried.add(run.id)
                    (run_folder(self._folder, run.id) / ERROR_FILE).unlink(missing_ok=True)
            found = {
                run.id: result
                for run in self._planned
                if run.id and run.id not in self._results
                if (result := read_result(self._folder, row_of(run))).status != "missing"
            }
            if not found:
                break
            self._results.update(found)
        if [run.id for run in self._planned] != previous:
            write_study(self._folder, self._plan.study, self._all_planned())

    def _all_planned(self) -> list[PlannedRun]:
        """Return the plan with the sweeps that the folder's plan has besides, where still there."""
        names = set(self._plan.sweeps)
        if (self._folder / STUDY_FILE).is_file():
            stored = read_study(self._folder)["runs"]
            names |= {row["sweep"] for row in stored if row["id"]}
        known = self._plan.study.recipe.sweeps
        names |= {name for name, sweep in known.items() if not sweep.optional}
        if names & known.keys() == self._plan.sweeps.keys():
            return self._planned
        whole = Plan(self._plan.study, names & known.keys())
        results = dict(self._results)
        while True:
            runs = whole.runs(results)
            rows = (read_result(self._folder, row_of(run)) for run in runs if run.id)
            found = {r.id: r for r in rows if r.status != "missing" and r.id not in results}
            if not found:
                return runs
            results.update(found)

    def _hand_out(self, executor: Executor) -> None:
        """Keep every worker busy, with one batch each."""
        if self._batches >= executor.workers:
            return
        ready = [run for run in self._planned if self._is_ready(run)]
        while ready and self._batches < executor.workers:
            first = ready[0]
            if self._attempts[first.id]:  # its worker died: alone, to see whose fault it was
                batch = next_batch([first], executor.workers)
            else:
                sound = [run for run in ready if not self._attempts[run.id]]
                batch = next_batch(sound, executor.workers)
            self._in_work.update(task.id for task in batch)
            self._batches += 1
            executor.submit(batch)
            ready = [run for run in ready if run.id not in self._in_work]

    def _is_ready(self, run: PlannedRun) -> bool:
        """Return whether a worker may begin a run; another runner's is looked at again later."""
        if not run.id or run.id in self._results or run.id in self._in_work:
            return False
        return owner_of(claim_file(self._folder, run.id)) is None

    def _take_in(self, batch: Batch, outcomes: Mapping[str, Outcome] | None) -> None:
        """Note that a batch has ended; a run whose workers keep dying has failed."""
        self._batches -= 1
        for task in batch:
            self._in_work.discard(task.id)
            if outcomes is None:
                self._attempts[task.id] += 1
                if self._attempts[task.id] >= _ATTEMPTS:
                    error = (
                        f"the worker died {_ATTEMPTS} times in this run; where memory is short, "
                        "use fewer --workers\n"
                    )
                    record_failure(run_folder(self._folder, task.id), error)

    def _rows(self) -> list[RunResult]:
        rows = (
            self._results.get(run.id) or read_result(self._folder, row_of(run))
            for run in self._planned
        )
        return [replace(r, status="running") if r.id in self._in_work else r for r in rows]

    def _report(self, force: bool) -> None:
        rows = self._rows()
        self._on_change(rows)
        if force or time.monotonic() - self._written > _WRITE:
            make_folder(self._folder)
            write_results(self._folder / RESULTS_FILE, rows)
            self._written = time.monotonic()
