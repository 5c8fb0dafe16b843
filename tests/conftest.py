"""What several test files share."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import numpy as np
import pytest
import torch
from PIL import Image

from warpmix import ops
from warpmix.augment import Transform, registry

if TYPE_CHECKING:
    from study_runs import MadeStudy

# The same examples in every run, so that a failure is everybody's; no deadline on a busy machine.
hypothesis.settings.register_profile("default", derandomize=True, deadline=None, database=None)
hypothesis.settings.load_profile("default")


def lists(usual: int) -> int:
    """Return how many random lists a test tries: WARPMIX_TEST_LISTS, or the usual number."""
    return int(os.environ.get("WARPMIX_TEST_LISTS", usual))


def own_transforms() -> dict[str, type[Transform]]:
    """Return the package's transforms by their names, without those that a test registers."""
    classes = registry.registered().items()
    return {name: cls for name, cls in classes if cls.__module__.startswith("warpmix.")}


@contextmanager
def emulated_kernels() -> Iterator[None]:
    """Inside, the ops run the CUDA kernel bodies on the host, thread by thread."""

    class Emulated:
        def __getattr__(self, name: str) -> object:
            kernel = f"{name}_emulated"
            return getattr(torch.ops.warpmix, kernel if name != "draw" else name)

    original, ops._ops = ops._ops, Emulated()
    try:
        yield
    finally:
        ops._ops = original


@pytest.fixture(scope="module", autouse=True)
def nothing_left_in_the_project() -> Iterator[None]:
    """No test file may write into the checkout, where a `git add` would take it along; what is
    compiled goes into build/, which git ignores."""
    root = Path(__file__).parents[1]
    before = {*root.iterdir(), root / "build"}
    yield
    left = {path.name for path in set(root.iterdir()) - before if not path.name.startswith(".")}
    assert not left, f"left in {root}: {sorted(left)}"


def noisy_classes(root: Path, train: int, test: int, spread: int, **lowest: int) -> Path:
    """Fills a folder with 8x8 images, so many of a class in each split: noise that begins at the
    class's lowest value and is ``spread`` values wide."""
    noise = np.random.default_rng(0)
    for split, per_class in (("train", train), ("test", test)):
        for name, low in lowest.items():
            folder = root / split / name
            folder.mkdir(parents=True)
            for i in range(per_class):
                pixels = noise.integers(low, low + spread, (8, 8, 3)).astype(np.uint8)
                Image.fromarray(pixels).save(folder / f"{i}.png")
    return root


@pytest.fixture
def real_data() -> Path:
    """The folder of real data sets beside the repository, or the one WARPMIX_TEST_DATA names."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("WARPMIX_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"real data not found at {folder}; set WARPMIX_TEST_DATA to have this test")
    return folder


@pytest.fixture(scope="session", autouse=True)
def caches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Decoded image files go into a folder of the session, in this process and in its children."""
    folder = tmp_path_factory.mktemp("caches")
    original = os.environ.get("WARPMIX_CACHE")
    os.environ["WARPMIX_CACHE"] = str(folder)
    yield folder
    if original is None:
        del os.environ["WARPMIX_CACHE"]
    else:
        os.environ["WARPMIX_CACHE"] = original


@pytest.fixture(scope="session")
def recorded_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calls of the CPU operators with their results: the short form."""
    from device.cases import record

    path = tmp_path_factory.mktemp("cases") / "cases.bin"
    record(path, short=True)
    return path


@pytest.fixture(scope="session")
def made_study(tmp_path_factory: pytest.TempPathFactory) -> MadeStudy:
    """A study of made-up runs with every kind of figure."""
    from study_runs import make_study  # imports all of training, which takes seconds

    return make_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def study_page(made_study: MadeStudy) -> Path:
    """The page of its report."""
    from warpmix.study.report import write_report  # drawing takes a second to import

    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the fonts have every letter, and nothing is divided by 0
        return write_report(made_study, made_study.folder / "report")
