"""What editors and type checkers see of the package, and that it is what runs."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import warpmix

PACKAGE = Path(warpmix.__file__).parent
PRELUDE = """\
import torch
import warpmix
from warpmix import CutMix, Pipeline, RandomShift, Targets, collate, mixed_cross_entropy, vote

images = torch.zeros(4, 3, 8, 8, dtype=torch.uint8)
targets = Targets(torch.arange(4), torch.arange(4), torch.ones(4))
own, partner, lam = targets
pipeline = Pipeline([CutMix()], mean=0.5, std=0.5)
"""
# A statement of a user, and what mypy must say of it. (A statement that is right: nothing.)
CASES = {
    "Pipeline([CutMix(), RandomShift(0.2)], mean=0.5, std=0.5, dtype=torch.bfloat16)": "",
    "Pipeline(meen=3)": r'Unexpected keyword argument "meen" for "Pipeline"',
    "Pipeline([CutMix(alhpa=3)])": r'Unexpected keyword argument "alhpa" for "CutMix"',
    "Pipeline([3])": r'incompatible type "int"',
    "warpmix.Nothing": r'no attribute "Nothing"',
    "warpmix.importlib": "importlib",
    "from warpmix import Nothign": r'no attribute "Nothign"',
    "warpmix.augment.TYPE_CHECKING": "TYPE_CHECKING",
    "reveal_type(warpmix.CutMix(alpha=2.0))": r"mixing\.CutMix",
    "reveal_type(pipeline(images))": r'"torch\._tensor\.Tensor"$',
    "reveal_type(pipeline(images, own, epoch=3))": r"tuple\[torch\..*Tensor, tuple\[.*Targets",
    "pipeline([images])": r'No overload variant of "__call__" of "Pipeline"',
    "reveal_type(collate([(images[0], 3)]))": r'"tuple\[Any, \.\.\.\]"$',
    "reveal_type(targets.lam)": r"Tensor\"$",
    "reveal_type(lam)": r"Tensor\"$",
    "reveal_type(targets.to('cuda').to_onehot(10, smoothing=0.1))": r"Tensor\"$",
    "reveal_type(mixed_cross_entropy(own.float(), targets, label_smoothing=0.1))": r"Tensor\"$",
    "mixed_cross_entropy(own.float(), targets, 0.1)": r'Argument 3 .* incompatible type "float"',
    "reveal_type(vote(lam))": r"VoteResult",
    "reveal_type(warpmix.train.fit)": r"TrainConfig.*TrainResult",
    "reveal_type(warpmix.presets.cifar())": r"Pipeline",
    **{f"warpmix.{name}": "" for name in dir(warpmix)},
}


@pytest.fixture(scope="module")
def said(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What mypy says of each case."""
    pytest.importorskip("mypy", reason="mypy is not installed: pip install 'warpmix[test]'")
    user = tmp_path_factory.mktemp("user") / "user.py"
    user.write_text(PRELUDE + "".join(f"{case}\n" for case in CASES))
    # Reading torch's sources takes half a minute, the first time.
    kept = request.config.cache.mkdir("mypy") if request.config.cache else user.parent
    options = ["--strict", "--follow-imports=silent", f"--cache-dir={kept}", "--config-file="]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, str(user)],
        env={**os.environ, "MYPYPATH": str(PACKAGE.parent)},
        capture_output=True,
        text=True,
        cwd=user.parent,
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    lines: list[str] = [""] * len(CASES)
    first = PRELUDE.count("\n") + 1
    for found in re.finditer(r"^user\.py:(\d+): (?:error|note): (.*)$", done.stdout, re.M):
        if int(found[1]) < first:
            pytest.fail(f"the prelude: {found[2]}")
        lines[int(found[1]) - first] += found[2]
    return lines


@pytest.mark.parametrize("case", CASES)
def test_a_strict_type_checker(case: str, said: list[str]) -> None:
    answer = said[list(CASES).index(case)]
    if not CASES[case]:
        assert not answer
    else:
        assert re.search(CASES[case], answer), answer or "mypy said nothing"


def test_every_public_name_resolves() -> None:
    for name in dir(warpmix):
        assert getattr(warpmix, name) is not None
    for name in vars(warpmix.augment)["__all__"]:
        assert getattr(warpmix, name) is getattr(warpmix.augment, name)
    assert warpmix.vote is warpmix.ensemble.vote
    with pytest.raises(AttributeError, match="module 'warpmix' has no attribute 'Nothing'"):
        warpmix.Nothing  # type: ignore[attr-defined]  # noqa: B018


def test_what_type_checkers_read_is_what_runs() -> None:
    """The names that are imported under TYPE_CHECKING are those that __getattr__ finds."""
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("warpmix")
        for alias in node.names
    }
    assert names - {"*"} == set(dir(warpmix)) - set(vars(warpmix.augment)["__all__"])


def test_torch_waits_until_a_name_is_used() -> None:
    code = "import sys, warpmix, warpmix.cli; print('torch' in sys.modules, warpmix.Pipeline)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False <class 'warpmix.augment.pipeline.Pipeline'>\n"


def test_every_name_can_be_imported_at_once() -> None:
    names: dict[str, object] = {}
    exec("from warpmix import *", names)
    assert set(dir(warpmix)) <= set(names)
