"""Builds the CUDA operators with their kernels as PTX, for the driver that replays cases.

nvcc compiles the .cu files as ever; its host code launches the kernels through runtime.cpp, which
stands in for the CUDA runtime, and the PTX of the same compilation is the program that machine.cpp
runs. What was made stays in ``build/device/ptx`` under a hash of what it was made from.
"""

from __future__ import annotations

import functools
import hashlib
import os
import pickle
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from device.ptx.parse import Kernel, kernels_of, program_of

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
FOLDER = ROOT / "build" / "device" / "ptx"
COMPILER = os.environ.get("CXX", "g++")
# As setup.py has them, where they change what is computed. -lineinfo says where an instruction
# comes from, and changes none.
NVCC = ["-std=c++17", "-O3", "--fmad=false", "--expt-relaxed-constexpr", "-lineinfo"]
HOST = ["-std=c++20", "-fPIC", "-ffp-contract=off", "-frounding-math", "-w"]
OLDEST, NEWEST = 75, 90  # compute capabilities whose PTX is run


def nvcc() -> str | None:
    """Find the compiler: on the PATH, or none."""
    return shutil.which("nvcc")


@functools.cache
def cuda_headers() -> str:
    """Find the folder of cuda_runtime_api.h beside nvcc."""
    report = subprocess.run(
        [str(nvcc()), "-dryrun", "-E", "-x", "cu", os.devnull], capture_output=True, text=True
    )
    paths = [w for line in report.stderr.splitlines() for w in line.split() if "-I" in w]
    found = [w.strip('"').removeprefix("-I") for w in paths]
    return next(path for path in found if (Path(path) / "cuda_runtime_api.h").exists())


@dataclass(frozen=True)
class Built:
    """``driver``, ``operators.so`` and ``program`` in a folder, and the kernels of the program."""

    folder: Path
    kernels: Sequence[Kernel]

    def with_program(self, text: str, folder: Path) -> Built:
        """Give the same operators with another program, in an empty folder: a mutant."""
        (folder / "program").write_text(text)
        for file in ("driver", "operators.so"):
            (folder / file).symlink_to(self.folder / file)
        return Built(folder, self.kernels)

    def replay(
        self,
        cases: Path,
        *,
        counts: Path | None = None,
        part: int = 0,
        parts: int = 1,
        variant: int = 0,
    ) -> subprocess.CompletedProcess[str]:
        """Run the cases whose number is ``part`` modulo ``parts``; exit code 0: all is right."""
        files = [self.folder / "driver", self.folder / "operators.so", cases]
        command = [*map(str, files), str(variant), str(part), str(parts)]
        environment = {**os.environ, "WARPMIX_PTX_PROGRAM": str(self.folder / "program")}
        if counts:
            environment["WARPMIX_PTX_COUNTS"] = str(counts)
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=3600,
            env=environment,
        )


def build(capability: int, changed: Mapping[str, str] | None = None) -> Built:
    """Compile for a compute capability; ``changed`` sources replace the checkout's, by path."""
    texts = _sources() | dict(changed or {})
    tree = FOLDER / "trees" / _key(*texts, *texts.values())
    for name, text in texts.items():
        if not (tree / name).exists():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
    units = sorted(tree.glob("kernels/*/gpu/*.cu"))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        compiled = pool.map(lambda unit: _kernels(unit, tree, texts, capability), units)
        objects = list(pool.map(lambda job: job(), _host_jobs(tree, texts)))
        pairs = list(compiled)
    kernels = [kernel for _, some in pairs for kernel in some]
    objects += [made for made, _ in pairs]
    folder = FOLDER / _key(*map(str, objects))
    if not (folder / "program").exists():
        folder.mkdir(parents=True, exist_ok=True)
        driver, *others = map(str, objects)
        _run([COMPILER, "-shared", *others, "-o", "operators.so"], folder)
        # UndefinedBehaviorSanitizer's library, for the one function of a sanitizer that it calls.
        _run(
            [COMPILER, "-fsanitize=undefined", "-rdynamic", driver, "-o", "driver", "-ldl"], folder
        )
        (folder / "program").write_text(program_of(kernels))
    return Built(folder, kernels)


def _sources() -> dict[str, str]:
    files = [p for folder in ("kernels", "csrc") for p in (ROOT / folder).rglob("*")]
    kept = [p for p in sorted(files) if p.suffix in (".h", ".cuh", ".cpp", ".cu")]
    return {p.relative_to(ROOT).as_posix(): p.read_text() for p in kept}


def _kernels(
    unit: Path, tree: Path, texts: Mapping[str, str], capability: int
) -> tuple[Path, list[Kernel]]:
    """Compile one .cu file: its host object, and its kernels."""
    seen = [text for name, text in texts.items() if name.startswith("kernels/")]
    parser = (HERE / "parse.py").read_text()
    folder = FOLDER / "objects" / _key(unit.name, str(capability), parser, *NVCC, *seen)
    parsed = folder / "kernels.pickle"
    if not parsed.exists():
        folder.mkdir(parents=True, exist_ok=True)
        keep = ["-keep", "-keep-dir", str(folder), "-c", str(unit), "-o", "kernel.o"]
        target = [f"-arch=compute_{capability}", f"-I{tree / 'kernels'}", "-Xcompiler", "-fPIC"]
        _run([str(nvcc()), *NVCC, *target, *keep], folder)
        kernels = kernels_of((folder / f"{unit.stem}.ptx").read_text())
        parsed.write_bytes(pickle.dumps(kernels))
    kernels: list[Kernel] = pickle.loads(parsed.read_bytes())
    return folder / "kernel.o", kernels


def _host_jobs(tree: Path, texts: Mapping[str, str]) -> list[Callable[[], Path]]:
    """List the compilations of the driver, first, of the machine and of csrc."""
    own = [*sorted(HERE.glob("*.h")), *sorted(HERE.parent.glob("*.h"))]
    own += sorted((HERE.parent / "stand_in").rglob("*.h"))
    headers = [path.read_text() for path in own]
    includes = [f"-I{HERE.parent}", f"-I{HERE.parent / 'stand_in'}", f"-I{cuda_headers()}"]
    jobs = [(HERE.parent / "driver.cpp", ["-O1", *includes], headers)]
    jobs += [(path, ["-O1", *includes], headers) for path in sorted(HERE.glob("*.cpp"))]
    seen = [text for name, text in texts.items() if name.endswith(".h")]
    package = ["-O0", *includes, f"-I{tree / 'csrc'}", f"-I{tree / 'kernels'}"]
    files = [*sorted(tree.glob("csrc/*.cpp")), *sorted(tree.glob("csrc/cuda/*.cpp"))]
    operators = [path for path in files if "PYBIND11_MODULE" not in path.read_text()]
    jobs += [(path, package, [*headers, *seen]) for path in operators]
    return [functools.partial(_object, *job) for job in jobs]


def _object(source: Path, flags: list[str], headers: list[str]) -> Path:
    text = source.read_text()
    made = FOLDER / "objects" / f"{_key(COMPILER, *HOST, flags[0], text, *headers)}.o"
    if not made.exists():
        made.parent.mkdir(parents=True, exist_ok=True)
        fresh = made.with_name(f"{made.stem}.{os.getpid()}.o")
        _run([COMPILER, *HOST, *flags, "-c", str(source), "-o", str(fresh)], FOLDER)
        fresh.rename(made)
    return made


def _key(*texts: str) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:24]


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr[:3000]}")
