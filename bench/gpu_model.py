"""The GPU's time, predicted from the kernels' PTX; needs nvcc and no GPU.

    python bench/gpu_model.py [--json FILE] [--markdown FILE] [--measured BENCH_JSON] [-k WORDS]
                              [--devices H100,H200,A100,T4]

nvcc's PTX runs on the host (tests/device/ptx), where each warp instruction is counted under the
functions that it was inlined from, so that nothing in a kernel marks its phases. gpu_model_time.py
makes microseconds of the counts, for each device, and states what it assumes. With --measured, the
JSON of the benchmarks on a GPU (bench/gpu_check.sh), the measured time stands beside.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import gpu_model_time as model  # noqa: E402
import sass_count  # noqa: E402
from device.case_files import Recorder  # noqa: E402
from device.ptx.build import Built, build  # noqa: E402
from device.ptx.counting import KernelCounts, read_counts  # noqa: E402
from device.ptx.parse import Kernel  # noqa: E402
from gpu_model_work import Work, all_work  # noqa: E402

# The phase of an instruction is that of the innermost function with a name here; what has none is
# "other". All but pixels and targets make the parameters.
PHASES = {
    "draw": ["draw_images", "draw_slot", "obtain_draw", "draw_stage"],
    "resolve": ["resolve_images", "prepare_whole_image"],
    "tables": ["tabulate_images", "tabulate_taps", "begin_window", "finish_window"],
    "targets": ["write_block_targets", "write_targets"],
    "pixels": [
        "make_images",
        "for_each_image",
        "place",
        "work",
        "finish",
        "write",
        "vote_body",
        "sum_body",
        "gather_statistics",
        "finish_statistics",
        "pass_tile",
        "make_whole_image_tile",
    ],
}
PHASE_OF = {function: phase for phase, names in PHASES.items() for function in names}


def count(built: Built, work: Work, folder: Path) -> list[KernelCounts]:
    """Run a call's kernels, whose outputs must be the CPU's."""
    recorder = Recorder()
    with recorder:
        work.call()
    cases, counts = folder / "cases", folder / "counts"
    recorder.write(cases)
    done = built.replay(cases, counts=counts)
    if done.returncode:
        raise SystemExit(f"{work.name}: {done.stdout}{done.stderr}")
    return read_counts(counts, built.kernels)


def phases(run: KernelCounts) -> Counter[str]:
    """Sum the machine instructions issued in each phase."""
    found: Counter[str] = Counter()
    for one in run.counts:
        known = (PHASE_OF[f] for f in one.instruction.functions if f in PHASE_OF)
        found[next(known, "other")] += one.issued * model.cost(one.instruction.opcode)[1]
    return found


def resources(kernel: Kernel, capability: int, folder: Path) -> model.Resources:
    """Assemble a kernel for what ptxas gives it."""
    source = folder / "kernel.ptx"
    source.write_text(kernel.text)
    report, sass = sass_count.compile_kernels(f"sm_{capability}", folder, source)
    code = [text for _, text in sass_count.functions(sass)[kernel.name] if "NOP" not in text]
    return model.Resources(*sass_count.resources(report)[kernel.name], len(code))


def row(
    work: Work, device: model.Device, runs: Sequence[KernelCounts], needs: dict[str, Any]
) -> dict[str, Any]:
    """Predict a call on a device."""
    scale = work.units / work.counted
    times, issued = [], Counter[str]()
    for run in runs:
        touched = sum(c.fresh for c in run.counts) * 32 * scale
        moved = work.moved if run is runs[-1] else min(touched, work.moved)
        times.append(model.kernel_time(device, run, needs[run.kernel.name], scale, moved))
        issued += phases(run)
    total = sum(issued.values())
    floor, predicted = work.moved / device.copy_rate, sum(t.predicted for t in times)
    longest = max(times, key=lambda t: t.predicted)
    return {
        "work": work.name,
        "size": work.size,
        "device": device.name,
        "launches": len(runs),
        "registers": max(needs[run.kernel.name].registers for run in runs),
        "blocks a multiprocessor": longest.blocks_at_once,
        "instructions a unit": total / work.counted,
        "SASS over estimate": sum(needs[run.kernel.name].instructions for run in runs)
        / sum(model.cost(c.instruction.opcode)[1] for run in runs for c in run.counts),
        "phases": {phase: part / total for phase, part in issued.most_common()},
        "parameters": 1 - (issued["pixels"] + issued["targets"]) / total,
        "issue": sum(t.issue for t in times),
        "pipe": sum(max(t.pipes.values()) for t in times),
        "L1": sum(t.l1 for t in times),
        "L2": sum(t.l2 for t in times),
        "latency": sum(t.latency for t in times),
        "path": sum(t.path for t in times),
        "limit": "bytes" if predicted < 1.02 * floor + longest.path / 2 else longest.limit,
        "floor": floor,
        "predicted": predicted,
        "ratio": predicted / floor,
    }


def with_measured(rows: list[dict[str, Any]], works: Sequence[Work], path: str) -> None:
    """Put the benchmarks' medians beside what was predicted for their device."""
    found = json.loads(Path(path).read_text())
    gpu = json.dumps(found["machine"])
    medians = {(r["group"], r["row"]): r["median"] for r in found["rows"] if r["device"] == "cuda"}
    names = {(w.name, w.size): w.measured for w in works if w.measured}
    for one in rows:
        group, name = names.get((one["work"], one["size"]), ("", ""))
        key = next((k for k in medians if group and k[0].endswith(group) and k[1] == name), None)
        if key and one["device"] in gpu:
            one["measured"] = medians[key]
            one["measured over predicted"] = medians[key] / one["predicted"]


MICROSECONDS = ["issue", "pipe", "L1", "L2", "latency", "path", "floor", "predicted"]


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Render the table, in microseconds."""
    measured = ["measured"] if any("measured" in one for one in rows) else []
    heads = ["work", "device", "instructions a unit", "parameters", "registers", "blocks"]
    heads += [*MICROSECONDS, "ratio", "limit", *measured]
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for one in rows:
        cells = [f"{one['work']}, {one['size']}", one["device"]]
        cells += [f"{one['instructions a unit']:,.0f}", f"{one['parameters']:.0%}"]
        cells += [str(one["registers"]), str(one["blocks a multiprocessor"])]
        cells += [f"{one[key] * 1e6:.1f}" for key in MICROSECONDS]
        cells += [f"{one['ratio']:.2f}", one["limit"]]
        cells += [f"{one[key] * 1e6:.1f}" if key in one else "" for key in measured]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print the table and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", help="write the rows, in seconds")
    parser.add_argument("--markdown", help="write the table")
    parser.add_argument("--measured", help="JSON of the benchmarks on a GPU")
    parser.add_argument("-k", default="", help="only work whose name or size has these words")
    parser.add_argument("--devices", default=",".join(d.name for d in model.DEVICES))
    typed = parser.parse_args()
    chosen = [d for d in model.DEVICES if d.name in typed.devices.split(",")]
    works = [w for w in all_work() if typed.k in f"{w.name}, {w.size}"]
    rows = []
    for capability in sorted({d.capability for d in chosen}, reverse=True):
        built = build(capability)
        needs: dict[str, model.Resources] = {}
        for work in works:
            with tempfile.TemporaryDirectory() as name:
                runs = count(built, work, Path(name))
                runs.sort(key=lambda run: sum(c.issued for c in run.counts))
                for run in runs:
                    if run.kernel.name not in needs:
                        needs[run.kernel.name] = resources(run.kernel, capability, Path(name))
            devices = [d for d in chosen if d.capability == capability]
            rows += [row(work, device, runs, needs) for device in devices]
            print(f"counted {work.name}, {work.size}, on {capability / 10}", file=sys.stderr)
    if typed.measured:
        with_measured(rows, works, typed.measured)
    text = f"{model.ASSUMPTIONS}\n\n{markdown(rows)}\n"
    print(text)
    if typed.markdown:
        Path(typed.markdown).write_text(text)
    if typed.json:
        content = {"assumptions": model.ASSUMPTIONS, "rows": rows}
        Path(typed.json).write_text(json.dumps(content, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
