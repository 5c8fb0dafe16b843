"""`make compare`: the package beside the libraries that people use for the same works.

    python bench/compare.py [--quick] [--device cuda] [--only WORDS] [--out FOLDER | --publish]
    python bench/compare.py --render bench/results/compare-cpu.json --publish   # the pages again

Works and rows are those of works.py and peer_rows.py. Each row of each case is measured in a
process of its own (measuring.py): minimum and median of a batch's time, processor time and peak
memory. Writes them as JSON, and from that the pages and pictures that docs/ has.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")  # leaves the GPU to the children
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")  # asks the network at import
os.environ.setdefault("TORCHINDUCTOR_COMPILE_THREADS", "1")  # its pool would outlive the row

import comparison_page
import measuring
import results
import scaling
import torch
import training
from augment_rows import Case
from measuring import Effort
from peer_rows import Row
from photo_rows import PhotoCase
from vote_rows import VoteCase
from works import WORKS, Compared

ROOT = Path(__file__).resolve().parents[1]
CHAINS = [name for name, work in WORKS.items() if work.transforms]
SWEPT = ("basic chain", "jitter chain")
COMPILED = ((1024, 32), (64, 224))
"""Shapes that are compiled for, since each takes 10 to 30 s."""
LARGEST_OF_LOOPS = 4096
"""Images of a batch; a loop over samples takes as long for each of a larger one."""
PACKAGES = (
    "torch", "torchvision", "numpy", "kornia", "albumentations", "opencv-python-headless", "timm",
    "nvidia-dali-cuda130", "fuse-augmentations", "triton-augment", "scikit-learn", "pillow",
)  # fmt: skip


@dataclass(frozen=True)
class Form:
    """How much is measured: (batch, size) of all chains and of some; photos; predictions."""

    shapes: tuple[tuple[int, int], ...]
    swept: tuple[tuple[int, int], ...]
    photos: tuple[tuple[int, str], ...]
    votes: tuple[tuple[int, int, int], ...]
    threads: tuple[int, ...]
    effort: Effort
    compiled: bool = True
    chains: tuple[str, ...] = tuple(CHAINS)

    def cases(self, device: str) -> Iterator[tuple[Compared, Any]]:
        cores = len(os.sched_getaffinity(0))
        threads = [n for n in self.threads if n == 1 or n <= cores]
        for count in threads if device == "cpu" else threads[:1]:
            for name in self.chains:
                shapes = {*self.shapes, *(self.swept if name in SWEPT else ())}
                for batch, size in sorted(shapes, key=lambda shape: shape[::-1]):
                    yield WORKS[name], Case(device, batch, size, threads=count)
            for batch, sizes in self.photos:
                yield WORKS["crops"], PhotoCase(device, batch, sizes, count)
            for shape in self.votes:
                for name in ("soft vote", "hard vote"):
                    yield WORKS[name], VoteCase(device, *shape, threads=count)


FORMS = {
    "full": Form(
        shapes=((1024, 32), (256, 96), (64, 224)),
        swept=((1, 32), (64, 32), (16384, 32), (1, 96), (64, 96), (1, 224), (256, 224)),
        photos=((1, "sides of 300 to 500"), (64, "sides of 300 to 500"), (64, "400x400")),
        votes=((50, 10_000, 10), (380, 10_000, 10), (10, 2_000, 100)),
        threads=(1, 2),
        effort=Effort(seconds=0.4),
    ),
    "quick": Form(
        shapes=((1024, 32), (64, 224)),
        swept=(),
        photos=((64, "sides of 300 to 500"),),
        votes=((50, 10_000, 10),),
        threads=(1,),
        effort=Effort(seconds=0.1, fewest=3),
        compiled=False,
    ),
    "tiny": Form(
        shapes=((8, 16),),
        swept=(),
        photos=((2, "sides of 300 to 500"),),
        votes=((3, 50, 4),),
        threads=(1,),
        effort=Effort(seconds=0.002, fewest=2),
        compiled=False,
        chains=("basic chain", "affine chain"),
    ),
}


# ---- one row ------------------------------------------------------------------------------------


def load(rows: list[Row]) -> None:
    """Import what the rows need, once, for all processes that are forked after."""
    for row in rows:
        if row.missing is None:
            row.load()
            for module in (
                ("nvidia.dali.fn", "nvidia.dali.auto_aug")
                if row.package == "nvidia.dali"
                else filter(None, [row.package])
            ):
                importlib.import_module(module)


def figures(compared: Compared, case: Any, form: Form) -> Iterator[dict[str, Any]]:
    """One dictionary a row that this device has: figures, or why there are none."""
    on_cpu = case.device == "cpu"
    work = compared.make(case) if on_cpu else None  # forked processes share its images
    for row in compared.rows:
        if case.device not in row.devices:
            continue
        reason = row.missing or _left_out(row, compared, case, form)
        found: dict[str, Any] = {"row": row.name, "baseline": row.baseline}
        if reason is None:
            limit = form.effort.limit

            def child(row: Row = row) -> dict[str, Any]:
                return measuring.measured(work or compared.make(case), case, row, form.effort)

            try:
                found |= measuring.in_child(child, limit)
                found["per_second"] = case.batch / found["median"]
            except RuntimeError as error:
                found["failed"] = str(error)
        else:
            found["left_out"] = reason
        yield found


def _left_out(row: Row, compared: Compared, case: Any, form: Form) -> str | None:
    if row.loops and case.batch > LARGEST_OF_LOOPS:
        return "a loop over so many samples takes as long for each as at 1024"
    if row.compiled and not form.compiled:
        return "compiles for half a minute: measured in the whole comparison"
    if row.compiled and (case.batch, case.size) not in COMPILED:
        return "compiled at 1024 of 32² and at 64 of 224² alone"
    if row.compiled and case.threads > 1:
        return "compiled for one thread alone"
    return None


# ---- the run ------------------------------------------------------------------------------------


def facts(form: str, device: str) -> dict[str, Any]:
    """What stands above every figure: versions, machine, commit."""
    versions = {}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = None
    git = ["git", "-C", str(ROOT)]
    described = subprocess.run(
        [*git, "describe", "--always", "--dirty", "--abbrev=7", "--exclude=*"],
        capture_output=True, text=True,
    )  # fmt: skip
    return {
        "form": form,
        "device": device,
        "date": datetime.now(timezone.utc).date().isoformat(),
        "commit": described.stdout.strip() or None,
        "cores": len(os.sched_getaffinity(0)),
        "packages": versions,
    }


def run(form_name: str, device: str, only: str | None) -> dict[str, Any]:
    """Measure all and return what compare.json holds."""
    form, begin = FORMS[form_name], time.perf_counter()
    torch.set_num_threads(1)  # no parallel region before the forks
    document: dict[str, Any] = {
        **facts(form_name, device),
        "load": [os.getloadavg()[0]],
        "cases": [],
    }
    for compared, case in form.cases(device):
        name = f"{compared.name}, {case}"
        if only and only not in name:
            continue
        load([row for row in compared.rows if device in row.devices])
        print(f"{time.perf_counter() - begin:6.0f} s  {name}", flush=True)
        rows = []
        for row in figures(compared, case, form):
            rows.append(row)
            print(f"          {_line(row)}", flush=True)
        document["cases"].append(
            {
                "work": compared.name,
                "case": str(case),
                "threads": case.threads,
                "batch": case.batch,
                "shape": _shape(case),
                "unit": compared.unit,
                "rows": rows,
            }
        )
    if not only:
        document["scaling"] = scaling.curves(form_name, device)
        document["training"] = training.throughputs(form_name, device)
    document["seconds"] = round(time.perf_counter() - begin)
    document["load"].append(os.getloadavg()[0])
    machine = measuring.in_child(results.machine, 60.0)
    document["machine"] = machine["lines"]
    return document


def _shape(case: Any) -> str:
    if isinstance(case, Case):
        return f"{case.size}²"
    return (
        case.sizes
        if isinstance(case, PhotoCase)
        else f"{case.models} models, {case.classes} classes"
    )


def _line(row: dict[str, Any]) -> str:
    if "median" not in row:
        return f"{row['row']:36} {row.get('failed') or row['left_out']}"
    times = f"{row['median'] * 1e6:12,.0f} µs  least {row['minimum'] * 1e6:12,.0f}"
    rest = f"cpu {row['cpu'] * 1e6:12,.0f}  {row['memory'] / 2**20:8,.1f} MiB  n {row['n']:4.0f}"
    return f"{row['row']:36} {times}  {rest}"


def main(arguments: list[str] | None = None) -> None:
    """Measure, or read what was measured; then write the page and the pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--quick", dest="form", action="store_const", const="quick")
    form.add_argument("--tiny", dest="form", action="store_const", const="tiny")
    form.add_argument("--render", type=Path, metavar="JSON", help="measure nothing")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--only", metavar="WORDS", help="cases whose name has these words")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "compare", metavar="FOLDER")
    parser.add_argument("--publish", action="store_true", help="to docs/ and bench/results/")
    typed = parser.parse_args(arguments)
    pages = ROOT / "docs" if typed.publish else typed.out
    pages.mkdir(parents=True, exist_ok=True)
    if typed.render:
        path = typed.render
    else:
        document = run(typed.form or "full", typed.device, typed.only)
        path = (
            ROOT / "bench" / "results" if typed.publish else pages
        ) / f"compare-{typed.device}.json"
        results.write_whole(path, comparison_page.as_json(document))
    document = json.loads(path.read_text())  # as stored, where figures have fewer digits
    name = f"bench/results/{path.name}" if typed.publish else path.name
    for written in (path, *comparison_page.write(document, pages, name)):
        print(written)


if __name__ == "__main__":
    main()
