"""What the user reads when a compiled module is absent or broken. Each case loads a copy of
_extension.py in a package of its own, in a fresh interpreter, beside a stand-in for `_C`."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch

from warpmix import _extension, info

ROOT = Path(__file__).resolve().parents[1]
BUILT_WITH_CUDA = """def build_info(): return '{"cuda": true}'"""
BUILT_WITHOUT = """def build_info(): return '{"cuda": false, "cpu_only": "WARPMIX_CUDA=0"}'"""


def load(package: Path, stand_in: str | None, then: str = "") -> subprocess.CompletedProcess[str]:
    package.mkdir()
    (package / "__init__.py").touch()
    shutil.copy(ROOT / "python" / "warpmix" / "_extension.py", package)
    if stand_in is not None:
        (package / "_C.py").write_text(stand_in)
    code = f"from warpmix._extension import load; e = load(); {then}"
    command = [sys.executable, "-S", "-c", f"import sys; sys.path[:] = {[*sys.path]}; {code}"]
    return subprocess.run(command, cwd=package.parent, capture_output=True, text=True)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return tmp_path / "warpmix"


def test_missing_compiled_module_is_an_import_error_with_the_remedy(package: Path) -> None:
    done = load(package, None)
    assert done.returncode == 1
    assert "ImportError: warpmix._C" in done.stderr
    assert "python setup.py build_ext --inplace" in done.stderr


def test_cpu_build_says_why_there_is_no_cuda(package: Path) -> None:
    done = load(package, BUILT_WITHOUT, "print(e.cuda_unavailable)")
    assert done.stdout.strip() == "built without CUDA (WARPMIX_CUDA=0)"


@pytest.mark.skipif(torch.version.cuda is None, reason="this torch is built without CUDA")
def test_cuda_module_that_does_not_load_is_an_error(package: Path) -> None:
    done = load(package, BUILT_WITH_CUDA)  # no _cuda beside it
    assert done.returncode == 1
    assert "ImportError: warpmix's CUDA module does not load" in done.stderr
    assert "WARPMIX_CUDA=0" in done.stderr


def test_torch_without_cuda_leaves_the_cuda_module_alone(package: Path) -> None:
    code = f"{BUILT_WITH_CUDA}; import torch; torch.version.cuda = None"
    done = load(package, code.replace("; ", "\n"), "print(e.cuda_unavailable)")
    assert done.stdout.strip().endswith("is a build without CUDA")


def test_info_names_versions_build_and_cuda_module() -> None:
    facts = info.collect()
    shown = dict(info.rows(facts))
    assert shown["torch"] == torch.__version__
    assert shown["built with"].startswith(f"torch {facts['build']['torch']}")
    why = _extension.load().cuda_unavailable
    assert shown["CUDA module"] == (f"not loaded: {why}" if why else "loaded")
    assert "GPU" in shown or "cuda:0" in shown


@pytest.mark.skipif(shutil.which("nm") is None, reason="nm, of binutils, is not installed")
def test_modules_call_the_stable_functions_of_torch_alone() -> None:
    """One binary then serves every torch from the oldest on. C++'s own names carry a version
    (GLIBCXX, CXXABI) or lie in std; any other mangled name would be torch's, which changes."""
    modules = [Path(info.__file__).parent / f"_C{sysconfig.get_config_var('EXT_SUFFIX')}"]
    modules += modules[0].parent.glob("_cuda*.so")
    for module in modules:
        lines = subprocess.check_output(["nm", "-D", "--undefined-only", module], text=True)
        names = {line.split()[-1] for line in lines.splitlines()}
        assert not {n for n in names if "@" not in n and re.match("_Z(?!NK?St|St)", n)}
        assert {name for name in names if name.startswith(("aoti_torch_", "torch_"))}
