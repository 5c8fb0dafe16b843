"""The GPU's own counters, kernel by kernel, beside what gpu_model.py predicts; needs ncu.

    python bench/gpu_counters.py [--json FILE] [--model FILE]

ncu runs this file again with --run and profiles the launches of each piece of work: time, bytes of
device memory, warps that were there, instructions that were issued. --model is the JSON of
gpu_model.py, by default bench/results/gpu-model.json if it is there.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import torch

MODEL = Path(__file__).parent / "results/gpu-model.json"
METRICS = {
    "time": "gpu__time_duration.sum",
    "read": "dram__bytes_read.sum",
    "written": "dram__bytes_write.sum",
    "instructions": "smsp__inst_executed.sum",
    "occupancy": "sm__warps_active.avg.pct_of_peak_sustained_active",
    "registers": "launch__registers_per_thread",
}
PROFILED = (
    "basic: flip, crop",
    "card: shift, contrast, CutMix, black border",
    "affine: flip, affine",
)
MARK = "fill"  # in the name of the kernel of torch's that is launched after each piece of work
OURS = "warpmix"


# ---- what is profiled, in the child -------------------------------------------------------------


def works(device: str, small: bool = False) -> Iterator[tuple[str, str, int, Callable[[], object]]]:
    """(name, size, units, call), named as in gpu_model_work.py. ``small``: for a test on a CPU."""
    from gpu_model_work import BATCHES, CHAINS

    from warpmix import Pipeline, ops

    for size, (batch, _) in BATCHES.items():
        rows = 4 if small else 2 * batch
        shape = (rows, size, size, 3)
        images = torch.randint(0, 256, shape, dtype=torch.uint8, device=device).permute(0, 3, 1, 2)
        labels = torch.randint(0, 10, (rows,), device=device)
        index = torch.randint(0, rows, (2 if small else batch,), device=device)
        sums = ops.channel_sums(images)
        options: dict[str, Any] = {"labels": labels, "index": index, "sums": sums}
        for name in PROFILED:
            chain = CHAINS[name]
            pipeline = Pipeline(chain, mean=0.5, std=0.25, dtype=torch.bfloat16, seed=0).to(device)
            text = f"{batch:,}x3x{size}x{size} to bfloat16"
            yield name, text, batch, lambda p=pipeline, i=images, o=options: p(i, **o)
        yield (
            "channel sums",
            f"{rows:,}x3x{size}x{size} uint8",
            rows,
            (lambda i=images: ops.channel_sums(i)),
        )
    models, samples = (5, 70) if small else (380, 10_000)
    scores = torch.softmax(torch.randn(models, samples, 10, device=device), -1)
    targets = torch.randint(0, 10, (samples,), device=device)
    ranking = torch.randperm(models, device=device)
    name = "both vote curves of probabilities"
    yield (
        name,
        "380 x 10,000 x 10 float32",
        samples,
        (lambda: ops.vote_curve(scores, targets, ranking, logits=False)),
    )


def run(device: str, small: bool = False) -> None:
    """Run each piece of work once to warm up and once to be profiled, with a mark behind it."""
    mark = torch.zeros(1, device=device)
    profiled = device == "cuda"
    for _, _, _, call in works(device, small):
        call()
        if profiled:
            torch.cuda.synchronize()
            torch.cuda.profiler.start()
        call()
        mark.fill_(1)
        if profiled:
            torch.cuda.synchronize()
            torch.cuda.profiler.stop()


# ---- what ncu says of it ------------------------------------------------------------------------


def kernels(output: str) -> list[dict[str, Any]]:
    """Each profiled kernel's name and METRICS, in order, from ncu's CSV: a line a metric, or a line
    a kernel with a column a metric, below a line of units."""
    lines = [line for line in output.splitlines() if line.startswith('"')]
    found: dict[str, dict[str, Any]] = {}
    for row in csv.DictReader(lines):
        if not row["ID"]:
            continue  # the line of units
        kernel = found.setdefault(row["ID"], {"name": row["Kernel Name"]})
        values = {row["Metric Name"]: row["Metric Value"]} if "Metric Name" in row else row
        for short, metric in METRICS.items():
            if values.get(metric):
                kernel[short] = float(values[metric].replace(",", ""))
    return list(found.values())


def by_work(profiled: Iterable[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The package's kernels of each piece of work: those before each mark."""
    groups: list[list[dict[str, Any]]] = [[]]
    for kernel in profiled:
        if OURS in kernel["name"]:
            groups[-1].append(kernel)
        elif MARK in kernel["name"].lower():
            groups.append([])
    return groups[:-1]


def row(name: str, size: str, units: int, launches: list[dict[str, Any]]) -> dict[str, Any]:
    """Sum the launches of one piece of work."""
    seconds = sum(kernel["time"] for kernel in launches) * 1e-9
    moved = sum(kernel["read"] + kernel["written"] for kernel in launches)
    longest = max(launches, key=lambda kernel: kernel["time"])
    return {
        "work": name,
        "size": size,
        "launches": len(launches),
        "seconds": seconds,
        "bytes": moved,
        "bytes a second": moved / seconds,
        "occupancy": longest["occupancy"] / 100,
        "registers": longest["registers"],
        "instructions a unit": sum(kernel["instructions"] for kernel in launches) / units,
    }


def with_model(rows: list[dict[str, Any]], path: Path, device: str) -> None:
    """Put what was predicted for this device beside what was measured."""
    if not path.exists():
        return
    predicted = {
        (one["work"], one["size"]): one
        for one in json.loads(path.read_text())["rows"]
        if one["device"] in device
    }
    for one in rows:
        of = predicted.get((one["work"], one["size"]))
        if of is not None:
            one["predicted seconds"] = of["predicted"]
            one["predicted instructions a unit"] = of["instructions a unit"]


def table(rows: Iterable[dict[str, Any]]) -> str:
    """A line a piece of work."""
    lines = [
        f"{'work':46} {'µs':>8} {'model':>8} {'GB/s':>6} {'occ.':>5} {'regs':>4} {'inst.':>8} "
        f"{'model':>8}"
    ]
    for one in rows:
        time, count = one.get("predicted seconds"), one.get("predicted instructions a unit")
        lines.append(
            f"{(one['work'] + ', ' + one['size'])[:46]:46} {one['seconds'] * 1e6:8.1f} "
            f"{'' if time is None else f'{time * 1e6:.1f}':>8} {one['bytes a second'] / 1e9:6.0f} "
            f"{one['occupancy']:5.0%} {one['registers']:4.0f} {one['instructions a unit']:8.0f} "
            f"{'' if count is None else f'{count:.0f}':>8}"
        )
    return "\n".join(lines)


def profile() -> str:
    """ncu's CSV of this file's run(); its clocks stay as they are found."""
    ncu = shutil.which("ncu")
    if ncu is None:
        raise SystemExit("no ncu on the PATH")
    command = [ncu, "--csv", "--page", "raw", "--print-units", "base", "--clock-control", "none"]
    command += ["--print-kernel-base", "demangled"]  # with its namespace
    command += ["--profile-from-start", "off", "--metrics", ",".join(METRICS.values())]
    command += [sys.executable, __file__, "--run"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{done.stdout[-1000:]}{done.stderr[-1000:]}\nncu failed")
    return done.stdout


def main() -> None:
    """Print the table and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--run", action="store_true", help="what ncu profiles")
    typed = parser.parse_args()
    if typed.run:
        return run("cuda")
    groups = by_work(kernels(profile()))
    names = [(name, size, units) for name, size, units, _ in works("cuda")]
    if len(groups) != len(names) or not all(groups):
        raise SystemExit(f"ncu saw {len(groups)} pieces of work, {len(names)} were run")
    rows = [row(*name, group) for name, group in zip(names, groups, strict=True)]
    with_model(rows, typed.model, torch.cuda.get_device_name())
    if typed.json:
        typed.json.write_text(json.dumps({"rows": rows}, indent=1))
    print(table(rows))


if __name__ == "__main__":
    main()
