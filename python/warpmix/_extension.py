"""Loads the compiled modules: `_C` always, `_cuda` where this build has it and torch has CUDA.

A module that should be there and does not load is an ImportError with the remedy, never a silence.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import torch  # before _C: it brings libtorch_cpu.so, which _C is linked with


class Extension(NamedTuple):
    """What `load` found."""

    #: `_C`: the table of the kernels' kinds of stages, limits, and hooks of the tests.
    module: ModuleType
    #: How the build was made (setup.py): torch, commit, cuda, host_flags, and either cuda_compiler,
    #: architectures and device_flags, or cpu_only, the reason for building without CUDA.
    build: dict[str, Any]
    #: Why `_cuda` is not loaded; None where it is. It loads without a GPU, too.
    cuda_unavailable: str | None


@functools.cache
def load() -> Extension:
    """Register the operators (torch.ops.warpmix); from the second call on, only tell.

    Raises:
        ImportError: a compiled module is missing or does not load; with the remedy.
    """
    try:
        from warpmix import _C
    except ImportError as error:
        raise ImportError(
            f"warpmix._C, the compiled part of warpmix, does not load with torch "
            f"{torch.__version__} (2.11 or later is needed): {error}. In a source folder, build "
            "it: python setup.py build_ext --inplace. If warpmix was installed for another Python "
            "or machine: pip install --force-reinstall --no-deps <where it came from>"
        ) from error
    build = json.loads(_C.build_info())
    return Extension(_C, build, _load_cuda(Path(_C.__file__), build))


def _load_cuda(compiled: Path, build: dict[str, Any]) -> str | None:
    """Load the `_cuda` that lies beside `compiled`, the file of `_C`; else return why not."""
    if not build["cuda"]:
        return f"built without CUDA ({build['cpu_only']})"
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is a build without CUDA"
    try:
        torch.ops.load_library(compiled.with_name(compiled.name.replace("_C", "_cuda", 1)))
    except OSError as error:
        raise ImportError(
            f"warpmix's CUDA module does not load with torch {torch.__version__}: {error}. "
            "Build it for this torch (pip install --no-build-isolation --force-reinstall "
            "--no-deps <where it came from>), or leave it out with WARPMIX_CUDA=0 at the build"
        ) from error
    return None
