"""Builds warpmix._C (schemas, CPU backend, pybind11 module) and, where a CUDA compiler that fits
torch is found, warpmix._cuda (CUDA backend). No GPU is needed. The rest is in pyproject.toml.

Read from the environment:
    WARPMIX_CUDA          0: CPU only. 1: CUDA, or an error. Unset: CUDA where it can be built.
    TORCH_CUDA_ARCH_LIST  as "8.0;9.0+PTX". Unset: ARCHITECTURES, as far as nvcc knows them.
    CUDA_HOME             the CUDA toolkit. Unset: that of nvcc on the PATH, else pip's.
    MAX_JOBS              number of parallel compilations. Unset: one a core.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path

from setuptools import Extension, setup

ROOT = Path(__file__).resolve().parent
OPERATORS = [
    "augment",
    "draw",
    "channel_sums",
    "vote",
    "class_planes",
    "greedy_scores",
    "bootstrap",
]
SHARED_NAMES = (
    "augment",
    "ensemble",
    "guards",
    "mixed_guards",
    "normal_form",
    "program",
    "whole_image_guards",
)
SHARED_SOURCES = [f"csrc/{name}.cpp" for name in SHARED_NAMES]
CPU_SOURCES = ["csrc/ops.cpp", *SHARED_SOURCES, *(f"csrc/cpu/{name}.cpp" for name in OPERATORS)]
CPU_SOURCES += ["csrc/emulated/augment.cpp", "csrc/emulated/ensemble.cpp"]
CPU_SOURCES += ["kernels/augment/cpu/augment.cpp"]
CPU_SOURCES += ["kernels/ensemble/cpu/vote.cpp", "kernels/ensemble/cpu/selection.cpp"]
CUDA_SOURCES = [*SHARED_SOURCES, *(f"csrc/cuda/{name}.cpp" for name in OPERATORS)]
CUDA_SOURCES += ["kernels/augment/gpu/augment.cu", "kernels/augment/gpu/channel_sums.cu"]
CUDA_SOURCES += ["kernels/ensemble/gpu/vote.cu", "kernels/ensemble/gpu/selection.cu"]
SYSTEM_CUDA = Path("/usr/local/cuda")  # where NVIDIA's installers put it
ARCHITECTURES = ["7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0"]

# TORCH_TARGET_VERSION: LibTorch's stable ABI as of 2.11, so that one binary serves every torch from
# there on. (Py_LIMITED_API stays unset: pybind11 needs one Python version's full API.) No
# contraction to fused multiply-add: the CPU, the GPU and the PyTorch twin round alike. -g0:
# Python's own flags would put debug information into every wheel. -Werror=switch: an enumerator
# that a switch forgets is an error. -Wno-psabi: GCC notes that vectors were passed otherwise before
# 4.6; ours are inlined, so that none is passed at all.
HOST_FLAGS = [
    "-O3",
    "-g0",
    "-ffp-contract=off",
    "-fno-math-errno",  # a square root is an instruction, of vectors too, to the same bits
    "-fvisibility=hidden",
    "-Werror=switch",
    "-Wno-psabi",
]
HOST_FLAGS += ["-DTORCH_TARGET_VERSION=0x020b000000000000"]
DEVICE_FLAGS = ["-O3", "--fmad=false", "-Xcompiler=-g0,-ffp-contract=off,-fvisibility=hidden"]
DEVICE_FLAGS += [f"--threads={os.environ.get('MAX_JOBS', '0')}"]  # architectures side by side
# The wheel of all architectures has 14 MB with it, 27 without; the module 13 and 66.
SMALL_CODE = "--compress-mode=size"  # nvcc 12.8 and newer

# cudart is linked statically: _cuda then asks for no libcudart.so of one CUDA major, and the
# pip-installed compiler, which brings no libcudart.so to link with, links too. Two runtimes in one
# process (torch has its own) are sound, because what they share is kept by the driver: the device's
# primary context, the thread's current context (torch's device guard sets it, a launch here reads
# it), streams and their capture, memory. What a runtime keeps for itself is its registered
# kernels and its last error, so csrc/cuda asks this one, and after every launch. Its symbols are
# hidden, so the two cannot be mixed up either. The stream comes through torch's stable shim.
CUDA_LIBRARIES = ["torch_cpu", "torch_cuda", "cudart_static", "rt", "dl", "pthread"]


def ask(*command: str | Path) -> str:
    """Return what `command` prints, on either stream; "" where it fails or cannot be run."""
    try:
        return subprocess.check_output(
            command, stderr=subprocess.STDOUT, text=True, cwd=ROOT
        ).strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def home_of(nvcc: str) -> Path:
    """Find the toolkit of an nvcc, which may be a wrapper script or a link: nvcc calls it TOP."""
    plan = ask(nvcc, "--dryrun", "-x", "cu", os.devnull, "-o", os.devnull)
    top = re.search(r"^#\$ TOP=(.+)$", plan, re.MULTILINE)
    return Path(top[1]).resolve() if top else Path(nvcc).resolve().parents[1]


def cuda_homes() -> list[Path]:
    """List folders that may hold a CUDA toolkit, the preferred one first."""
    named = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    if named:
        return [Path(named)]
    nvcc = shutil.which("nvcc")
    # pip's CUDA compiler is nvidia/cu13 in site-packages. An isolated build does not have the
    # environment it was started from on sys.path, so that one is looked up by its place as well.
    nvidia = importlib.util.find_spec("nvidia")
    folders = list(nvidia.submodule_search_locations or ()) if nvidia else []
    folders.append(os.path.join(sysconfig.get_path("purelib"), "nvidia"))
    from_pip = [path.parents[1] for f in folders for path in sorted(Path(f).glob("cu*/bin/nvcc"))]
    return [*([home_of(nvcc)] if nvcc else []), *from_pip, SYSTEM_CUDA]


def choose_cuda(wish: str, torch_cuda: str | None) -> tuple[Path | None, str]:
    """Find the toolkit to build with and its version; or None and the reason for building without.

    `wish` is WARPMIX_CUDA, `torch_cuda` the version of CUDA that torch was built with, if any.
    """
    if wish not in ("", "0", "1"):
        raise SystemExit(f"warpmix: WARPMIX_CUDA must be 0, 1 or unset, got {wish!r}")
    if wish == "0":
        return None, "WARPMIX_CUDA=0"
    if torch_cuda is None:
        return None, "this torch is built without CUDA; install a CUDA build of torch"
    major = torch_cuda.split(".")[0]
    homes = cuda_homes()
    why = f"no CUDA compiler (nvcc) on the PATH or in {', '.join(map(str, homes))}"
    for home in homes:
        release = re.search(r"release .+, V([\d.]+)", ask(home / "bin/nvcc", "--version"))
        if release and release[1].split(".")[0] == major:
            return home, release[1]
        if release:
            why = f"{home} is CUDA {release[1]}, but torch's is {torch_cuda}: the majors must agree"
    parts = "nvcc,nvvm,crt,cccl"  # all named, for pip would else mix their versions
    pip = f', or: pip install "cuda-toolkit[{parts}]=={torch_cuda}.*"' if int(major) > 12 else ""
    return None, f"{why}; install a CUDA {major} toolkit and set CUDA_HOME to it{pip}"


def default_architectures(known: str) -> str:
    """Pick ARCHITECTURES in `known` (nvcc --list-gpu-arch), the last as PTX too, for newer GPUs.

    9.0 as well, for 11.0: it runs neither the machine code of 10.0 nor the PTX of 12.0.
    """
    usable = [a for a in ARCHITECTURES if f"compute_{a.replace('.', '')}" in known.split()]
    if not usable:
        raise SystemExit(f"warpmix: nvcc knows none of {ARCHITECTURES}; set TORCH_CUDA_ARCH_LIST")
    return ";".join(a + "+PTX" * (a in ("9.0", usable[-1])) for a in usable)


def commit() -> str | None:
    """Return the commit of this checkout, marked where it has changes; None outside of one."""
    describe = ("git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    return (ask(*describe) or None) if (ROOT / ".git").exists() else None


def extension(
    kind: Callable[..., Extension],
    name: str,
    sources: list[str],
    flags: object,
    libraries: list[str],
) -> Extension:
    """warpmix.<name>; `kind` is torch's CppExtension or CUDAExtension."""
    folders = [str(ROOT / "kernels"), str(ROOT / "csrc")]  # absolute: ninja runs elsewhere
    if importlib.util.find_spec("pybind11"):  # else torch's own copy serves
        folders.append(importlib.import_module("pybind11").get_include())
    module = kind(f"warpmix.{name}", sources, include_dirs=folders, extra_compile_args=flags)
    module.libraries = libraries  # not torch's list: the stable ABI needs no libtorch_python or c10
    return module


def main() -> None:
    import torch

    wish = os.environ.get("WARPMIX_CUDA", "")
    home, version_or_reason = choose_cuda(wish, torch.version.cuda)
    info = {"torch": torch.__version__, "cuda": home is not None}
    info |= {"commit": commit(), "host_flags": " ".join(HOST_FLAGS)}
    if home:
        os.environ["CUDA_HOME"] = str(home)  # before cpp_extension is imported: it reads it then
        if not os.environ.get("TORCH_CUDA_ARCH_LIST"):  # torch would need a GPU to choose
            known = ask(home / "bin/nvcc", "--list-gpu-arch")
            os.environ["TORCH_CUDA_ARCH_LIST"] = default_architectures(known)
        if SMALL_CODE.split("=")[0] in ask(home / "bin/nvcc", "--help"):
            DEVICE_FLAGS.append(SMALL_CODE)
        info |= {"cuda_compiler": version_or_reason, "device_flags": " ".join(DEVICE_FLAGS)}
        info |= {"architectures": os.environ["TORCH_CUDA_ARCH_LIST"]}
    elif wish == "1":
        raise SystemExit(f"warpmix: WARPMIX_CUDA=1, but {version_or_reason}")
    else:
        info |= {"cpu_only": version_or_reason}

    from torch.utils import cpp_extension

    # setuptools would pack what an earlier build left there: a _cuda into a wheel without CUDA.
    for leftover in (ROOT / "build").glob("lib*"):
        shutil.rmtree(leftover)

    # Objects of a source that is in both modules are kept apart. A lasting folder, for editable
    # installs too, lets ninja recompile only what changed.
    folder = ROOT / "build" / str(sys.implementation.cache_tag)

    class BuildExtension(cpp_extension.BuildExtension):
        def build_extensions(self) -> None:
            """Print the configuration; csrc/ops.cpp receives it in the generated build_info.h."""
            print("warpmix:", *(f"  {key:14} {value}" for key, value in info.items()), sep="\n")
            header = folder / "generated" / "build_info.h"
            header.parent.mkdir(parents=True, exist_ok=True)
            text = f'#pragma once\n#define WARPMIX_BUILD_INFO R"({json.dumps(info)})"\n'
            if not header.exists() or header.read_text() != text:  # else ninja would recompile
                header.write_text(text)
            self.extensions[0].include_dirs.append(str(header.parent))
            super().build_extensions()

        def build_extension(self, module: Extension) -> None:
            self.build_temp = str(folder / module.name)
            super().build_extension(module)

    modules = [extension(cpp_extension.CppExtension, "_C", CPU_SOURCES, HOST_FLAGS, ["torch_cpu"])]
    if home:
        flags = {"cxx": [*HOST_FLAGS, "-DUSE_CUDA"], "nvcc": DEVICE_FLAGS}
        kind = cpp_extension.CUDAExtension
        modules.append(extension(kind, "_cuda", CUDA_SOURCES, flags, CUDA_LIBRARIES))
    setup(ext_modules=modules, cmdclass={"build_ext": BuildExtension})


if __name__ == "__main__":  # as a script, which is also how pip runs it; tests import the functions
    main()
