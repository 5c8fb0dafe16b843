"""What `warpmix info` shows: versions, how this build was made, and what it runs on."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

import torch

from warpmix import _extension
from warpmix._version import __version__

_PACKAGES = ("torchvision", "lightning", "numpy")


def collect() -> dict[str, dict[str, Any]]:
    """Collect facts for a bug report, ready for JSON.

    Returns:
        "versions": name to version; "build": how the compiled modules were made (see
        `warpmix._extension.Extension`); "runtime": "cuda_module" (None where loaded, else why
        not), "devices" (one dict a GPU: name, capability, memory in bytes), "cpu",
        "cpu_capability" (the SIMD level that torch found), "threads".
    """
    extension = _extension.load()
    versions = {"warpmix": __version__, "python": platform.python_version()}
    versions |= {"torch": torch.__version__}
    versions |= {name: metadata.version(name) for name in _PACKAGES}
    devices = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    return {
        "versions": versions,
        "build": extension.build,
        "runtime": {
            "cuda_module": extension.cuda_unavailable,
            "devices": [
                {"name": d.name, "capability": f"{d.major}.{d.minor}", "memory": d.total_memory}
                for d in devices
            ],
            "cpu": _cpu_name(),
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "threads": torch.get_num_threads(),
        },
    }


def rows(facts: dict[str, dict[str, Any]]) -> list[tuple[str, str]]:
    """Return `collect()` as (label, text) lines, in the order to show them."""
    build, runtime = facts["build"], facts["runtime"]
    built = f"torch {build['torch']}"
    if build["cuda"]:
        built += f", CUDA {build['cuda_compiler']} for {build['architectures']}"
    else:
        built += ", CPU only"
    if build["commit"]:
        built += f", commit {build['commit'][:12]}"
    devices = [
        (f"cuda:{i}", f"{d['name']}, compute {d['capability']}, {d['memory'] / 2**30:.0f} GiB")
        for i, d in enumerate(runtime["devices"])
    ]
    missing = runtime["cuda_module"]
    return [
        *facts["versions"].items(),
        ("built with", built),
        ("host flags", build["host_flags"]),
        *([("device flags", build["device_flags"])] if build["cuda"] else []),
        ("CUDA module", f"not loaded: {missing}" if missing else "loaded"),
        *(devices or [("GPU", "none")]),
        ("CPU", f"{runtime['cpu']}, {runtime['cpu_capability']}, {runtime['threads']} threads"),
    ]


def _cpu_name() -> str:
    """Return the processor's name; platform.processor() is empty on most Linux systems."""
    try:
        with open("/proc/cpuinfo") as lines:
            names = [
                line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.machine()
