"""Builds warpmix._C (schemas, CPU backend, pybind11 module) and, where a CUDA compiler is found that
fits torch, warpmix._cuda (CUDA backend). No GPU is needed. The rest is in pyproject.toml.

Read from the environment:
    WARPMIX_CUDA          0: CPU only. 1: CUDA, or an error. Unset: CUDA where it can be built.
    TORCH_CUDA_ARCH_LIST  as "8.0;9.0+PTX". Unset: ARCHITECTURES below, as far as nvcc knows them.
    CUDA_HOME             the CUDA toolkit. Unset: that of nvcc on the PATH, else a pip-installed one.
    MAX_JOBS              number of parallel compilations. Unset: one a core.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sysconfig
from pathlib import Path

from setuptools import setup

ROOT = Path(__file__).resolve().parent
INCLUDES = [str(ROOT / "kernels"), str(ROOT / "csrc")]  # absolute: ninja runs elsewhere
CPU_SOURCES = ["csrc/ops.cpp", "csrc/augment.cpp", "csrc/cpu/augment.cpp", "csrc/cpu/augment_emulated.cpp"]
CUDA_SOURCES = ["csrc/augment.cpp", "csrc/cuda/augment.cpp", "kernels/augment/augment.cu"]
ARCHITECTURES = ["7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0"]

# LibTorch's stable ABI as of 2.11: one binary for every torch from there on. Py_LIMITED_API stays
# unset, because pybind11 needs the full C API of one Python version. Contraction is off everywhere:
# the CPU, the GPU and the PyTorch twin must round alike. -g0: Python's own flags would put
# debug information into every wheel.
TORCH_FLAGS = ["-DTORCH_TARGET_VERSION=0x020b000000000000"]
HOST_FLAGS = ["-O3", "-g0", "-ffp-contract=off", "-fvisibility=hidden"]
DEVICE_FLAGS = ["-O3", "--fmad=false", "-Xcompiler=-g0,-ffp-contract=off,-fvisibility=hidden"]


def ask(*command: str) -> str:
    """What `command` prints, on either stream; "" where it cannot be run."""
    try:
        return subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        ).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def home_of(nvcc: str) -> Path:
    """The toolkit of an nvcc, which may be a wrapper script or a link: nvcc prints it as TOP."""
    top = re.search(r"^#\$ TOP=(.+)$", ask(nvcc, "--dryrun", "-x", "cu", os.devnull), re.MULTILINE)
    return Path(top[1] if top else Path(nvcc).resolve().parents[1]).resolve()


def cuda_homes() -> list[Path]:
    """Folders that may hold a CUDA toolkit, the preferred one first."""
    named = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    if named:
        return [Path(named)]
    nvcc = shutil.which("nvcc")
    # pip's CUDA compiler is nvidia/cu13 in site-packages. An isolated build's sys.path leaves out
    # the environment it builds for, so that one is looked at by its place as well.
    nvidia = importlib.util.find_spec("nvidia")
    folders = [*(nvidia.submodule_search_locations or [] if nvidia else [])]
    folders += [os.path.join(sysconfig.get_path("purelib"), "nvidia")]
    pip_homes = [home for folder in folders for home in sorted(Path(folder).glob("cu[0-9]*"))]
    return [*([home_of(nvcc)] if nvcc else []), *pip_homes, Path("/usr/local/cuda")]


def choose_cuda(wish: str, torch_cuda: str | None) -> tuple[Path | None, str]:
    """The toolkit to build with and its version; or None, and why there will be no CUDA.

    `wish` is WARPMIX_CUDA ("", "0", "1"), `torch_cuda` the CUDA version torch was built with.
    """
    if wish not in ("", "0", "1"):
        raise SystemExit(f"warpmix: WARPMIX_CUDA must be 0 or 1 (or unset), got {wish!r}")
    if wish == "0":
        return None, "WARPMIX_CUDA=0"
    if torch_cuda is None:
        return None, "this torch is built without CUDA; install a CUDA build of torch"
    found = "no nvcc found"
    for home in cuda_homes():
        release = re.search(r"release [\d.]+, V([\d.]+)", ask(str(home / "bin/nvcc"), "--version"))
        if release and release[1].split(".")[0] == torch_cuda.split(".")[0]:
            return home, release[1]
        if release:
            found = f"{home} is CUDA {release[1]}, torch's is {torch_cuda}: majors must agree"
    return None, (
        f"{found}; set CUDA_HOME to a CUDA {torch_cuda.split('.')[0]} toolkit, "
        f'or: pip install "cuda-toolkit[nvcc,cccl]=={torch_cuda}.*"'
    )


def default_architectures(known: str) -> str:
    """ARCHITECTURES that `known` (nvcc --list-gpu-arch) has, the last as PTX too for later GPUs."""
    numbers = set(re.findall(r"compute_(\d+)\b", known))
    return ";".join(a for a in ARCHITECTURES if a.replace(".", "") in numbers) + "+PTX"


def main() -> None:
    import torch

    wish = os.environ.get("WARPMIX_CUDA", "")
    cuda_home, cuda = choose_cuda(wish, torch.version.cuda)
    if cuda_home:
        os.environ["CUDA_HOME"] = str(cuda_home)
        known = ask(str(cuda_home / "bin/nvcc"), "--list-gpu-arch")
        os.environ.setdefault("TORCH_CUDA_ARCH_LIST", default_architectures(known))
    elif wish == "1":
        raise SystemExit(f"warpmix: WARPMIX_CUDA=1, but {cuda}")

    from torch.utils import cpp_extension  # reads CUDA_HOME when it is imported

    build_info = {
        "torch": torch.__version__,
        "cuda": cuda_home is not None,
        "cuda_compiler": cuda if cuda_home else None,
        "cuda_reason": None if cuda_home else cuda,
        "architectures": os.environ["TORCH_CUDA_ARCH_LIST"] if cuda_home else None,
        "host_flags": " ".join(HOST_FLAGS),
        "device_flags": " ".join(DEVICE_FLAGS) if cuda_home else None,
        "commit": ask("git", "rev-parse", "HEAD") or None,
    }

    class BuildExtension(cpp_extension.BuildExtension):
        def build_extensions(self) -> None:
            """Prints the configuration, and writes it to build_info.h for csrc/ops.cpp."""
            print("warpmix:", *(f"  {key:14}{value}" for key, value in build_info.items()), sep="\n")
            header = Path(self.build_temp, "generated", "build_info.h")
            text = f'#pragma once\n#define WARPMIX_BUILD_INFO R"({json.dumps(build_info)})"\n'
            if not header.exists() or header.read_text() != text:  # else ninja would recompile
                header.parent.mkdir(parents=True, exist_ok=True)
                header.write_text(text)
            self.extensions[0].include_dirs.insert(0, str(header.parent.resolve()))
            super().build_extensions()

        def get_ext_filename(self, name: str) -> str:
            """_cuda is a shared library without Python symbols: no Python version in its name."""
            filename = super().get_ext_filename(name)
            plain = name.endswith("_cuda")
            return filename.replace(sysconfig.get_config_var("EXT_SUFFIX"), ".so") if plain else filename

    extensions = [
        cpp_extension.CppExtension(
            "warpmix._C",
            CPU_SOURCES,
            include_dirs=[*INCLUDES],
            extra_compile_args=HOST_FLAGS + TORCH_FLAGS,
        )
    ]
    extensions[0].libraries = ["torch_cpu"]  # the stable ABI's home; no libtorch_python
    if cuda_home:
        module = cpp_extension.CUDAExtension(
            "warpmix._cuda",
            CUDA_SOURCES,
            include_dirs=[*INCLUDES],
            extra_compile_args={
                "cxx": HOST_FLAGS + TORCH_FLAGS + ["-DUSE_CUDA"],
                "nvcc": DEVICE_FLAGS,
            },
        )
        module.libraries = ["torch_cpu", "torch_cuda", "cudart_static", "rt", "dl", "pthread"]
        extensions.append(module)
    setup(ext_modules=extensions, cmdclass={"build_ext": BuildExtension})


if __name__ == "__main__":  # also so under pip, which runs this file as a script
    main()
