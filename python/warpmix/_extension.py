"""Loads the compiled modules: `_C` always, `_cuda` where this build has it and torch has CUDA.

A module that should be there and does not load is an ImportError with the remedy, never a silence.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch  # before _C: it brings libtorch_cpu.so, which _C is linked with

try:
    from warpmix import _C
except ImportError as error:
    raise ImportError(
        f"warpmix._C, the compiled part of warpmix, does not load with torch {torch.__version__} "
        f"(2.11 or later is needed): {error}. In a source folder, build it: "
        "python setup.py build_ext --inplace. If warpmix was installed for another Python or from "
        "another machine: pip install --force-reinstall --no-deps <where it came from>"
    ) from error

#: How this build was made (setup.py): torch, commit, cuda, host_flags, and either cuda_compiler,
#: architectures and device_flags, or cpu_only, the reason for building without CUDA.
BUILD_INFO: dict[str, Any] = json.loads(_C.build_info())


def _load_cuda() -> str | None:
    """Loads `_cuda`, which registers the CUDA implementations; else returns why it does not."""
    if not BUILD_INFO["cuda"]:
        return f"built without CUDA ({BUILD_INFO['cpu_only']})"
    if torch.version.cuda is None:
        return f"torch {torch.__version__} is a build without CUDA"
    compiled = Path(_C.__file__)
    library = compiled.with_name(compiled.name.replace("_C", "_cuda", 1))
    try:
        torch.ops.load_library(library)
    except OSError as error:
        raise ImportError(
            f"warpmix's CUDA module does not load with torch {torch.__version__}: {error}. "
            "Build it for this torch (pip install --no-build-isolation --force-reinstall "
            "--no-deps <where it came from>), or leave it out with WARPMIX_CUDA=0 at the build"
        ) from error
    return None


#: Why `_cuda` is not loaded; None where it is. It loads without a GPU, too.
CUDA_UNAVAILABLE: str | None = _load_cuda()
