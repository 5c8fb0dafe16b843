"""Builds the operators of one backend, under a sanitizer, for the driver that replays cases.

The sources are found, not listed: ``csrc/*.cpp``, the backend's folder of ``csrc``, and the
backend's folders of ``kernels``. They are copied into ``build/device``, where the CUDA language is
rewritten for g++ (``cuda_source.py``) and mutants are changed, and compiled there. An object is
known by a hash of its preprocessed source and its command, and made once.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from device.cuda_source import as_host_source

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOLDER = ROOT / "build" / "device"
COMPILER = os.environ.get("CXX", "g++")
SUFFIXES = {".h", ".cuh", ".cpp", ".cu"}

# As setup.py has them, where they change what is computed.
COMMON = ["-std=c++20", "-g1", "-fPIC", "-pthread", "-ffp-contract=off", "-Wno-psabi"]
SANITIZERS = {
    "address": ["-fsanitize=address,undefined", "-fno-sanitize-recover=undefined"],
    "thread": ["-fsanitize=thread"],
}
ENVIRONMENT = {
    "address": {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"},
    "thread": {"TSAN_OPTIONS": "halt_on_error=1"},
}
# What nvcc defines and includes by itself.
DEVICE = ["-D__CUDACC__", "-D__CUDA_ARCH__=900", "-include", "cuda_runtime.h"]


@dataclass(frozen=True)
class Target:
    """What to build.

    Attributes:
        backend: "cpu" or "cuda".
        sanitizer: "address", which is with UndefinedBehaviorSanitizer, or "thread".
        optimize: "-O0" compiles faster, "-O1" is nearer to what is shipped.
    """

    backend: str
    sanitizer: str
    optimize: str = "-O0"

    @property
    def name(self) -> str:
        return f"{self.backend}-{self.sanitizer}{self.optimize}"

    @property
    def flags(self) -> list[str]:
        return [*COMMON, self.optimize, *SANITIZERS[self.sanitizer]]


def sources(backend: str, tree: Path) -> list[Path]:
    """List the files to compile of a checkout; not csrc/ops.cpp, which is Python's module."""
    shared = [p for p in tree.glob("csrc/*.cpp") if "PYBIND11_MODULE" not in p.read_text()]
    folder = {"cpu": "cpu", "cuda": "gpu"}[backend]
    kernels = [p for p in tree.glob(f"kernels/*/{folder}/*") if p.suffix in (".cpp", ".cu")]
    return sorted([*shared, *tree.glob(f"csrc/{backend}/*.cpp"), *kernels])


def copy_sources(target: Target, tree: Path, changed: Mapping[str, str]) -> None:
    """Fill a folder with kernels/ and csrc/ as the compiler takes them; ``changed`` by path."""
    for folder in ("kernels", "csrc"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in SUFFIXES:
                name = path.relative_to(ROOT).as_posix()
                text = changed.get(name, path.read_text())
                if target.backend == "cuda":
                    text = as_host_source(text, name)
                copy = tree / name
                if not copy.exists() or copy.read_text() != text:
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    copy.write_text(text)


def build(target: Target, changed: Mapping[str, str] | None = None, name: str = "") -> Path:
    """Return the folder with ``driver`` and ``operators.so``, up to date.

    Args:
        changed: sources that replace those of the checkout, by path: a mutant.
        name: of the folder, for a mutant.
    """
    folder = FOLDER / (name or target.name)
    tree = folder / "tree"
    copy_sources(target, tree, changed or {})
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(lambda job: _compiled(*job), _jobs(target, tree)))
    link = [COMPILER, *target.flags]
    _run([*link, "-shared", *objects[1:], "-o", "operators.so"], folder)
    _run([*link, "-rdynamic", objects[0], "-o", "driver", "-ldl"], folder)
    return folder


def build_probes(target: Target) -> Path:
    """Return the program of host/probes.cu, up to date."""
    tree = FOLDER / f"probes-{target.sanitizer}"
    tree.mkdir(parents=True, exist_ok=True)
    source = as_host_source((HERE / "host/probes.cu").read_text(), "probes.cu")
    (tree / "probes.cu").write_text(source)
    program = [*_command(target), f"-I{HERE / 'host'}", *DEVICE, "-x", "c++", "probes.cu"]
    objects = [_compiled(program, tree), _compiled(_runtime(target), tree)]
    _run([COMPILER, *target.flags, *objects, "-o", "probes"], tree)
    return tree / "probes"


def discard(folder: Path) -> None:
    """Remove a mutant's folder."""
    shutil.rmtree(folder)


def _command(target: Target) -> list[str]:
    """Give the command to compile with the stand-in of torch and the project's folders."""
    stand_ins = [f"-I{HERE}", f"-I{HERE / 'stand_in'}"]
    return [COMPILER, *target.flags, *stand_ins, "-Ikernels", "-Icsrc"]


def _runtime(target: Target) -> list[str]:
    """Give the command for the fibers: they are told to the sanitizers, and have no checks."""
    plain = [word for word in _command(target) if "sanitize" not in word]
    return [*plain, f"-DWITH_{target.sanitizer.upper()}", str(HERE / "host/runtime.cpp")]


def _jobs(target: Target, tree: Path) -> Iterator[tuple[list[str], Path]]:
    """Give the commands to compile, the driver's first, and the folder they run in."""
    base = _command(target)
    yield [*base, str(HERE / "driver.cpp")], tree
    if target.backend == "cpu":
        yield [*base, str(HERE / "cpu_backend.cpp")], tree
    else:
        yield _runtime(target), tree
        base += [f"-I{HERE / 'host'}"]
    for path in sources(target.backend, tree):
        device = DEVICE if path.suffix == ".cu" else []
        yield [*base, *device, "-x", "c++", path.relative_to(tree).as_posix()], tree


def _compiled(command: list[str], tree: Path) -> str:
    """Return the path of an object, compiled if no other build has had the same source."""
    source = _run([*command, "-E", "-fno-working-directory"], tree)
    key = hashlib.sha256("\0".join([*command, source]).encode()).hexdigest()[:32]
    made = FOLDER / "objects" / f"{key}.o"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        fresh = made.with_name(f"{key}.{os.getpid()}.o")
        _run([*command, "-c", "-o", str(fresh)], tree)
        fresh.rename(made)
    return str(made)


def _run(command: list[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr[:3000]}")
    return done.stdout
