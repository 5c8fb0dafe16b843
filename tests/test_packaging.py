"""sdist → wheel → install → import from outside the source folder. Nothing of warpmix is imported
into the test process: what is tested is what a user gets."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = shutil.ignore_patterns(
    ".*", "build", "dist", "demo-out", "runs", "*.egg-info", "*.so", "__pycache__"
)

AUGMENT_ONE_BATCH = """
import torch, warpmix
from warpmix.augment import CutMix, Pipeline, RandomCropBlackout, RandomShift
pipeline = Pipeline([RandomShift(0.2), CutMix(1.0), RandomCropBlackout(0.2)])
images = torch.randint(0, 256, (8, 3, 32, 32), dtype=torch.uint8)
batch, targets = pipeline(images, torch.arange(8))
assert batch.shape == (8, 3, 32, 32) and batch.isfinite().all(), batch.shape
print(warpmix.__file__)
"""


def run(*command: object, cwd: Path) -> str:
    """Runs as a user would: no PYTHONPATH, CPU module only."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"WARPMIX_CUDA": "0"}
    words = list(map(str, command))
    done = subprocess.run(words, cwd=cwd, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{words}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    source = tmp_path_factory.mktemp("sdist") / "source"
    shutil.copytree(ROOT, source, ignore=LEFT_OUT)
    shutil.copy(ROOT / ".clang-format", source)
    build = "from setuptools import build_meta; build_meta.build_sdist('dist')"
    run(sys.executable, "-c", build, cwd=source)
    (archive,) = (source / "dist").glob("*.tar.gz")
    return archive


@pytest.fixture(scope="module")
def wheel(sdist: Path) -> Path:
    folder = sdist.parent
    flags = ["--no-deps", "--no-build-isolation", "--no-index", "-w", folder]
    run(sys.executable, "-m", "pip", "wheel", *flags, sdist, cwd=folder)
    (archive,) = folder.glob("*.whl")
    return archive


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fresh environment, venv, that holds the wheel; the dependencies are seen
    through a .pth file, which spares a second download of torch."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home / "venv", with_pip=False)
    (site_packages,) = (home / "venv" / "lib").glob("python*/site-packages")
    (site_packages / "parent.pth").write_text(sysconfig.get_path("purelib") + "\n")
    python = home / "venv" / "bin" / "python"
    flags = ["--python", python, "install", "--no-deps", "--no-index"]
    run(sys.executable, "-m", "pip", *flags, wheel, cwd=home)
    return home


def test_sdist_holds_all_that_a_build_and_the_tests_need(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    kinds = {".cpp", ".h", ".cu", ".py", ".pyi", ".yaml", ".typed", ".sh"}
    for folder in ("csrc", "kernels", "python", "tests", "bench"):
        files = {path for path in (ROOT / folder).rglob("*") if path.suffix in kinds}
        missing = {str(path.relative_to(ROOT)) for path in files} - names
        assert not missing
    top = {"pyproject.toml", "setup.py", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md"}
    assert top | {"Makefile", ".clang-format"} <= names


def test_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        info = next(name for name in names if name.endswith("METADATA")).rpartition("/")[0]
        metadata = message_from_bytes(archive.read(f"{info}/METADATA"))
        commands = archive.read(f"{info}/entry_points.txt").decode()
    assert {name.split("/")[0] for name in names} == {"warpmix", info}
    compiled = [name for name in names if name.endswith(".so")]
    assert compiled == [f"warpmix/_C{sysconfig.get_config_var('EXT_SUFFIX')}"]
    package = ROOT / "python" / "warpmix"
    for pattern in ("**/*.py", "recipes/*.yaml", "py.typed"):
        expected = {f"warpmix/{path.relative_to(package)}" for path in package.glob(pattern)}
        assert not expected - set(names)
    assert metadata["Name"] == "warpmix"
    assert f'__version__ = "{metadata["Version"]}"' in (package / "_version.py").read_text()
    assert metadata["License-Expression"] == "BSD-3-Clause"
    assert "torch>=2.11" in metadata.get_all("Requires-Dist", [])
    assert "warpmix = warpmix.cli:main" in commands


def test_installed_wheel_augments_a_batch_outside_the_source_folder(installed: Path) -> None:
    place = run(installed / "venv/bin/python", "-c", AUGMENT_ONE_BATCH, cwd=installed).strip()
    assert Path(place).is_relative_to(installed)


def test_installed_commands_start(installed: Path) -> None:
    assert "train" in run(installed / "venv/bin/warpmix", "--help", cwd=installed)
    assert "train" in run(installed / "venv/bin/python", "-m", "warpmix", "--help", cwd=installed)
    assert "WARPMIX_CUDA=0" in run(installed / "venv/bin/warpmix", "info", cwd=installed)
