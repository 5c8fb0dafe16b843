"""The house: which part may import which, how long a file may be, and what the package needs."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "warpmix"

# From the top down: a part imports from itself and from the lines below its own. A new part is
# added to the lowest line that its imports allow.
LAYERS = [
    {"__main__"},
    {"cli"},
    {"study"},
    {"train", "evaluation", "statistics"},
    {"data", "models", "ensemble", "presets"},
    {"augment", "predictions", "figures", "recipes"},
    {"ops", "info"},
    {"_bundle_folder", "_extension", "_numpy_files", "_tensor_files", "_yaml"},
    {"_C", "_cuda", "_files", "_memory", "_numbers", "_philox", "_pickles", "_pillow", "_tensors"}
    | {"_version", "_fixed_math"},
    {"_reading"},
]
LONGEST = 300
SOURCES = {".py", ".pyi", ".h", ".cpp", ".cu", ".cuh"}
IMPORTED_AS = {
    "pillow": "PIL",
    "pyyaml": "yaml",
    "mlflow-skinny": "mlflow",
    "scikit-learn": "sklearn",
    "pytest-benchmark": "pytest",  # plugins, which need no import
    "pytest-xdist": "pytest",
    "nvidia-dali-cuda130": "nvidia.dali",
    "fuse-augmentations": "fuse_augmentations",
    "triton-augment": "triton_augment",
}


def module_name(path: Path) -> str:
    parts = ("warpmix", *path.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


MODULES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def imported(node: ast.AST) -> Iterator[str]:
    """Modules that run-time code imports, inside functions too; not what type checkers read."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        for other in node.orelse:
            yield from imported(other)
        return
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            inner = f"{node.module}.{alias.name}"
            yield inner if inner in MODULES or node.module == "warpmix" else node.module
    for child in ast.iter_child_nodes(node):
        yield from imported(child)


def imports_of(path: Path) -> set[str]:
    return set(imported(ast.parse(path.read_text(encoding="utf-8"))))


NEEDS = {name: imports_of(path) for name, path in MODULES.items()}


def test_no_circle_of_imports() -> None:
    inside = {name: needs & MODULES.keys() - {name} for name, needs in NEEDS.items()}
    try:
        TopologicalSorter(inside).prepare()
    except CycleError as error:
        pytest.fail(f"a circle of imports: {' → '.join(reversed(error.args[1]))}")


def part_of(module: str) -> str:
    return module.split(".")[1]


@pytest.mark.parametrize("module", [name for name in MODULES if name != "warpmix"])
def test_imports_point_down(module: str) -> None:
    level = {part: number for number, layer in enumerate(LAYERS) for part in layer}
    own = part_of(module)
    assert own in level, f"add {own!r} to LAYERS"
    for other in sorted(NEEDS[module]):
        if other.startswith("warpmix.") and part_of(other) != own:
            assert part_of(other) in level, f"{module} must import from a part, not {other}"
            assert level[own] < level[part_of(other)], f"{module} must not import {other}"


def test_no_file_is_long() -> None:
    lines = {
        path.relative_to(ROOT): path.read_text(encoding="utf-8").count("\n")
        for folder in ("kernels", "csrc", "python/warpmix")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in SOURCES
    }
    assert len(lines) > 150  # the folders were found
    long = [f"{path}: {count}" for path, count in lines.items() if count > LONGEST]
    assert not long, f"longer than {LONGEST} lines: {', '.join(long)}"


# ---- dependencies -----------------------------------------------------------------------------

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def packages(requirements: list[str]) -> set[str]:
    names = {re.split(r"[\s\[<>=!~;]", each)[0].lower() for each in requirements}
    return {IMPORTED_AS.get(name, name) for name in names}


def test_each_dependency_is_imported_and_each_import_declared() -> None:
    used = {needed.split(".")[0] for needs in NEEDS.values() for needed in needs}
    foreign = used - set(sys.stdlib_module_names) - {"warpmix"}
    declared = PROJECT["dependencies"] + PROJECT["optional-dependencies"]["ray"]
    assert packages(declared) == foreign


def test_each_dependency_has_a_lower_bound() -> None:
    bounded = r"[a-z0-9-]+>=\d+\.\d+(\.\d+)?"  # as `make lowest` reads it
    assert all(re.fullmatch(bounded, each) for each in PROJECT["dependencies"])


@pytest.mark.parametrize(("extra", "folder"), [("test", "tests"), ("bench", "bench")])
def test_each_extra_is_imported(extra: str, folder: str) -> None:
    sources = "\n".join(path.read_text() for path in sorted((ROOT / folder).rglob("*.py")))
    for name in packages(PROJECT["optional-dependencies"][extra]):
        imports = rf"\b(import|from) {name}\b|importorskip\(\"{name}\""
        assert re.search(imports, sources), f"{name} of the extra {extra!r} is not imported"
