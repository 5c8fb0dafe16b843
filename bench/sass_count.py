"""Instructions that the GPU issues for a pixel, counted in the compiled kernels; needs no GPU.

    python bench/sass_count.py [--arch sm_90]
    python bench/sass_count.py --wheel WHEEL  # instead: which of its kernels have a stack, where

Compiles kernels/augment/gpu/augment.cu, disassembles it, and follows each pixel loop along the path
of a full group of pixels (the one with stores of 16 bytes, 8 or 4, whichever divides a group):
every instruction on it is issued once for the group, predicated off or not. Of the whole-pixel
kernel alone: the general one has a path a list. Prints registers, spills and stack of all kernels
beside it.
"""

from __future__ import annotations

import argparse
import heapq
import re
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
AUGMENT = ROOT / "kernels/augment/gpu/augment.cu"
GROUP = 4  # kGroup in kernels/augment/gpu/tiles.h


def find_cuobjdump() -> str:
    """On the PATH, or the one that comes with triton."""
    on_path = shutil.which("cuobjdump")
    if on_path:
        return on_path
    import triton

    return str(Path(triton.__file__).parent / "backends/nvidia/bin/cuobjdump")


def compile_kernels(arch: str, folder: Path, source: Path = AUGMENT) -> tuple[str, str]:
    """(ptxas's resource report, SASS text) of a .cu file, or of a .ptx file."""
    cubin = folder / f"{source.stem}.cubin"
    command = ["nvcc", "-O3", "--fmad=false", "-std=c++17", f"-arch={arch}", "-Xptxas", "-v"]
    command += ["--expt-relaxed-constexpr"]  # as torch builds with, without which nvcc warns
    report = subprocess.run(
        [*command, "-I", str(ROOT / "kernels"), "-cubin", "-o", str(cubin), str(source)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    sass = subprocess.run(
        [find_cuobjdump(), "--dump-sass", str(cubin)], check=True, capture_output=True, text=True
    )
    return report.stderr, sass.stdout


def stacks(module: Path) -> list[tuple[str, str, int]]:
    """(architecture, mangled name, bytes of stack a thread) of every kernel for each architecture.

    A stack holds spilled registers, or what is indexed at run time: both lie in device memory.
    """
    usage = subprocess.run(
        [find_cuobjdump(), "--dump-resource-usage", str(module)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = []
    for part in usage.stdout.split("arch = ")[1:]:
        kernels = re.findall(r"Function (\S+):\s+REG:\d+ STACK:(\d+)", part)
        found += [(part.split()[0], name, int(stack)) for name, stack in kernels]
    return found


def report_stacks(wheel: Path) -> int:
    """Print the kernels of a wheel that have a stack; returns how many there are."""
    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        (module,) = (name for name in archive.namelist() if name.startswith("warpmix/_cuda."))
        found = stacks(Path(archive.extract(module, folder)))
    deep = [kernel for kernel in found if kernel[2] > 0]
    architectures = ", ".join(dict.fromkeys(kernel[0] for kernel in found))
    print(f"{len(found)} kernels for {architectures}: {len(deep)} with a stack")
    print(*(f"{arch} {name}: {bytes_} bytes" for arch, name, bytes_ in deep), sep="\n")
    return len(deep)


def resources(report: str) -> dict[str, tuple[int, int]]:
    """Mangled name → (registers of a thread, bytes of shared memory of a block)."""
    found = {}
    for text in report.split("Compiling entry function '")[1:]:
        registers = re.search(r"Used (\d+) registers", text)
        shared = re.search(r"(\d+) bytes smem", text)
        if registers:
            found[text.split("'")[0]] = (int(registers[1]), int(shared[1]) if shared else 0)
    return found


def functions(sass: str) -> dict[str, list[tuple[int, str]]]:
    """Mangled name → its (address, instruction) pairs."""
    found: dict[str, list[tuple[int, str]]] = {}
    current: list[tuple[int, str]] = []
    for line in sass.splitlines():
        if name := re.search(r"Function : (\S+)", line):
            current = found.setdefault(name[1], [])
        elif code := re.match(r"\s+/\*([0-9a-f]{4,})\*/\s+(.*?);", line):
            current.append((int(code[1], 16), code[2]))
    return found


def branch_target(instruction: str) -> int | None:
    match = re.search(r"\bBRA\b.*?0x([0-9a-f]+)", instruction)
    return int(match[1], 16) if match else None


def group_path(
    code: list[tuple[int, str]], head: int, tail: int, wide: str = r"\bSTG\.E\.(64|128)\b"
) -> int | None:
    """Fewest instructions issued from head to tail through a wide store; None without one."""
    body = [(address, text) for address, text in code if head <= address <= tail]
    at = {address: i for i, (address, _) in enumerate(body)}
    best = {(0, False): 1}
    queue = [(1, 0, False)]
    while queue:
        cost, i, stored = heapq.heappop(queue)
        text = body[i][1]
        stored = stored or re.search(wide, text) is not None
        if i == len(body) - 1:
            if stored:
                return cost
            continue
        target = branch_target(text)
        unconditional = target is not None and not text.startswith("@")
        following = [] if unconditional else [i + 1]
        if target in at and at[target] > i:
            following.append(at[target])
        for j in following:
            if cost + 1 < best.get((j, stored), 1 << 30):
                best[j, stored] = cost + 1
                heapq.heappush(queue, (cost + 1, j, stored))
    return None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", default="sm_90")
    parser.add_argument("--wheel", type=Path, help="exit status 1 where a kernel has a stack")
    arguments = parser.parse_args()
    if arguments.wheel:
        raise SystemExit(report_stacks(arguments.wheel) > 0)
    arch = arguments.arch
    with tempfile.TemporaryDirectory() as folder:
        report, sass = compile_kernels(arch, Path(folder))
    spills = re.findall(r"(\d+) bytes stack frame, (\d+) bytes spill stores", report)
    registers = [int(r) for r in re.findall(r"Used (\d+) registers", report)]
    print(
        f"{arch}: {len(spills)} kernels, at most {max(registers)} registers, "
        f"{sum(int(s) for s, _ in spills)} bytes of stack, "
        f"{sum(int(s) for _, s in spills)} bytes of spills"
    )
    for name, code in functions(sass).items():
        match = re.search(r"simple_kernelI(\w+)Li(\d)E", name)
        if not match:
            continue
        # Four pixels of three bytes are three words.
        wide = r"\bSTG\.E\b(?!\.U8)" if match[1].endswith("h") else r"\bSTG\.E\.(64|128)\b"
        loops: dict[tuple[int, int], int] = {}
        for tail, text in code:
            head = branch_target(text)
            # The loop over channels, round those over pixels, ends after them and is left out.
            if head is not None and head < tail and not any(head <= h for h, _ in loops):
                path = group_path(code, head, tail, wide)
                if path:
                    loops[head, tail] = path
        shown = ", ".join(f"{path / GROUP:.1f}" for path in sorted(loops.values()))
        unit = "a pixel of a channel" if match[2] == "0" else "a pixel"
        print(f"  {match[1]:24} channels {match[2]}: {shown} instructions {unit}")


if __name__ == "__main__":
    main()
