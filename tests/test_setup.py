"""How setup.py finds the CUDA toolkit and chooses architectures, with stand-ins for nvcc."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]

NVCC = r"""#!/bin/sh
case "$1" in
    --version) echo "Cuda compilation tools, release 13.0, V13.0.88" ;;
    --dryrun) echo "#\$ TOP=$(dirname "$0")/.." >&2 ;;
    --list-gpu-arch) printf 'compute_75\ncompute_90\ncompute_90a\n' ;;
esac
"""


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def toolkit(tmp_path: Path) -> Path:
    """A folder that looks like CUDA 13.0."""
    return script(tmp_path / "cuda-13.0" / "bin" / "nvcc", NVCC).parents[1]


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """setup.py's functions, on a machine without any CUDA toolkit."""
    spec = importlib.util.spec_from_file_location("warpmix_setup", ROOT / "setup.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(module, "SYSTEM_CUDA", tmp_path / "nowhere")
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(module.sysconfig, "get_path", lambda name: str(tmp_path / "site-packages"))
    monkeypatch.setattr(module.shutil, "which", lambda name: None)
    return module


def test_every_source_is_named_and_every_named_source_exists(build: ModuleType) -> None:
    folders = [ROOT / "csrc", ROOT / "kernels"]
    sources = [p for folder in folders for kind in ("cpp", "cu") for p in folder.rglob(f"*.{kind}")]
    named = {*build.CPU_SOURCES, *build.CUDA_SOURCES}
    assert {str(path.relative_to(ROOT)) for path in sources} == named


def test_wrapper_script_on_the_path_is_asked_for_its_toolkit(
    build: ModuleType, toolkit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapper = script(tmp_path / "bin" / "nvcc", f'#!/bin/sh\nexec {toolkit}/bin/nvcc "$@"\n')
    monkeypatch.setattr(build.shutil, "which", lambda name: str(wrapper))
    assert build.choose_cuda("", "13.2") == (toolkit, "13.0.88")


def test_link_on_the_path_is_followed(build: ModuleType, tmp_path: Path) -> None:
    real = script(tmp_path / "cuda" / "bin" / "nvcc", "#!/bin/sh\nexit 1\n")  # prints no TOP
    link = tmp_path / "nvcc"
    link.symlink_to(real)
    assert build.home_of(str(link)) == tmp_path / "cuda"


def test_cuda_home_is_taken_at_its_word(
    build: ModuleType, toolkit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build.shutil, "which", lambda name: str(toolkit / "bin" / "nvcc"))
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "empty"))
    home, reason = build.choose_cuda("", "13.2")
    assert home is None and str(tmp_path / "empty") in reason


def test_pip_compiler_is_found_in_the_environment(build: ModuleType, tmp_path: Path) -> None:
    nvcc = script(tmp_path / "site-packages" / "nvidia" / "cu13" / "bin" / "nvcc", NVCC)
    assert build.choose_cuda("1", "13.2") == (nvcc.parents[1], "13.0.88")


def test_no_compiler_names_the_remedy(build: ModuleType) -> None:
    home, reason = build.choose_cuda("", "13.2")
    assert home is None
    assert "no CUDA compiler (nvcc) on the PATH" in reason
    assert 'pip install "cuda-toolkit[nvcc,nvvm,crt,cccl]==13.2.*"' in reason
    assert "CUDA_HOME" in reason


def test_pip_compiler_is_not_recommended_where_pip_has_none(build: ModuleType) -> None:
    assert "pip install" not in build.choose_cuda("", "12.8")[1]


def test_other_major_is_refused_with_both_versions(
    build: ModuleType, toolkit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "SYSTEM_CUDA", toolkit)
    home, reason = build.choose_cuda("", "12.8")
    assert home is None
    assert f"{toolkit} is CUDA 13.0.88, but torch's is 12.8" in reason


def test_cuda_is_left_out_on_demand_and_without_cuda_in_torch(
    build: ModuleType, toolkit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "SYSTEM_CUDA", toolkit)
    assert build.choose_cuda("0", "13.2") == (None, "WARPMIX_CUDA=0")
    home, reason = build.choose_cuda("", None)
    assert home is None and "torch is built without CUDA" in reason


def test_unknown_wish_is_refused(build: ModuleType) -> None:
    with pytest.raises(SystemExit, match="WARPMIX_CUDA must be 0, 1 or unset, got 'yes'"):
        build.choose_cuda("yes", "13.2")


def test_architectures_are_those_the_compiler_knows(build: ModuleType, toolkit: Path) -> None:
    known = build.ask(toolkit / "bin" / "nvcc", "--list-gpu-arch")
    assert build.default_architectures(known) == "7.5;9.0+PTX"
    all_known = "\n".join(f"compute_{a.replace('.', '')}" for a in build.ARCHITECTURES)
    assert build.default_architectures(all_known) == "7.5;8.0;8.6;8.9;9.0+PTX;10.0;12.0+PTX"
    with pytest.raises(SystemExit, match="TORCH_CUDA_ARCH_LIST"):
        build.default_architectures("compute_35")


def test_demanding_cuda_without_a_compiler_fails_before_compiling(tmp_path: Path) -> None:
    environment = os.environ | {"WARPMIX_CUDA": "1", "CUDA_HOME": str(tmp_path)}
    command = [sys.executable, "setup.py", "build_ext"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "warpmix: WARPMIX_CUDA=1, but " in done.stderr and "install a CUDA" in done.stderr


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
@pytest.mark.parametrize("source", [p.name for p in sorted(ROOT.glob("kernels/*/cpu/*.cpp"))])
def test_kernels_are_of_the_language_that_the_oldest_torch_compiles(source: str) -> None:
    """torch 2.11 compiles extensions as C++17, newer ones as C++20."""
    (path,) = ROOT.glob(f"kernels/*/cpu/{source}")
    flags = ["-std=c++17", "-fsyntax-only", "-Wno-psabi", f"-I{ROOT / 'kernels'}"]
    done = subprocess.run(["g++", *flags, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
