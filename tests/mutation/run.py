"""Trying faults: which tests, in which process, and what comes of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from mutation.forks import Send, Verdict, in_child, verdict_of
from mutation.tree import BUILD, ROOT

# Imported before the forks, so that no child does it; not the package itself.
HEAVY = ["torch", "torchvision", "lightning", "sklearn.base", "scipy.stats", "matplotlib.pyplot"]

# Each process that is forked has it for itself, one after another.
TEMPORARY = BUILD / f"temporary-{os.getpid()}"

# Beginnings of names of test files. Those that start processes take long, and see no fault in them.
TESTS = {
    "kernels": """augment augmix copies crops ensemble_measures float_batches guards large_batches
        perspective pipeline policies program. ragged random replay resample select targets
        timm_policy vote. vote_chunks vote_inputs vote_methods vote_peers""",
    "python": """augment augmix collate columns csv_matrix copies crops ensemble_measures
        large_batches perspective pipeline policies predictions program. ragged random replay
        resample select sizes store targets timm_policy vote. vote_chunks vote_inputs vote_methods
        vote_classifier cli_ensemble cli_compare""",
}
EXAMPLES = 60
SETTINGS = "_hypothesis_internal_use_settings"
# Tests that begin processes.
LEFT_OUT = "not compiled and not ranks and not killed and not command and not writers"


def test_files(subject: str) -> list[str]:
    """List the test files for a subject.

    Raises:
        ValueError: a name that no file has.
    """
    found: list[str] = []
    for beginning in TESTS[subject].split():
        files = sorted((ROOT / "tests").glob(f"test_{beginning.replace('.', '.py')}*"))
        if not files:
            raise ValueError(f"no tests/test_{beginning}*: renew TESTS in {__file__}")
        found += [str(file) for file in files]
    return found


def prepare(tree: str) -> None:
    """Make this process ready to fork: a tree's package is the one that tests import."""
    import torch  # not above: it reads OMP_NUM_THREADS then

    torch.set_num_threads(1)  # a child has no thread of a pool that was made before the fork
    os.chdir(ROOT)
    sys.path[:0] = [f"{tree}/python", str(ROOT / "tests")]
    for name in HEAVY:
        __import__(name)
    # Examples as always, but a failure is one: no smaller one is looked for.
    phases = [hypothesis.Phase.explicit, hypothesis.Phase.generate]
    hypothesis.settings.register_profile(
        "mutants", derandomize=True, deadline=None, database=None, phases=phases
    )


class FewExamples:
    """A plugin that shortens property tests: most faults show in the first examples.

    Attributes:
        shortened: the tests with fewer examples than they ask for.
        quick: they are not to be tried with all.
    """

    def __init__(self, most: int, quick: bool) -> None:
        self.most = most
        self.quick = quick
        self.shortened: dict[str, Any] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Lower the number of examples, which hypothesis keeps at the function."""
        for item in items:
            function = getattr(item, "function", None)
            given = getattr(function, SETTINGS, None)
            if given is not None and given.max_examples > self.most:
                self.shortened[item.nodeid] = function, given
                setattr(function, SETTINGS, hypothesis.settings(given, max_examples=self.most))

    def restore(self) -> None:
        """Let each test have the examples it asks for."""
        for function, given in self.shortened.values():
            setattr(function, SETTINGS, given)


def pytest_main(tests: list[str], *plugins: object) -> int:
    """Run pytest in this process with plugins."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:benchmark", "--hypothesis-profile=mutants"]
    options += ["-k", LEFT_OUT]
    options += [f"--basetemp={TEMPORARY}"]
    return pytest.main([*options, *tests], plugins=plugins)


class OneFault:
    """A plugin that runs tests in their order until one fails, and sends their names."""

    def __init__(self, send: Send, order: list[str]) -> None:
        self.send = send
        self.order = {test: place for place, test in enumerate(order)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Take the short ones first."""
        items.sort(key=lambda item: self.order[item.nodeid])

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Tell which test is next."""
        self.send(nodeid)


def try_imported(switches: Any, number: int, tests: dict[str, float], log: Path) -> Verdict:
    """Try a fault in what happens while the package is imported, in a process that has not."""

    def work(send: Send) -> None:
        switches.choose(number)
        order = sorted(tests, key=lambda test: tests[test])
        code = pytest_main(["-x", *order], OneFault(send, order))
        if code != 0:
            send("failed")

    end, sent = in_child(work, 60 + 5 * sum(tests.values()), output=log)
    if end == "done" and sent == ["failed"]:
        return Verdict("failed", "import")
    return verdict_of(end, sent)
