"""What compare.py measured, as JSON and as pages; the pictures are comparison_plots.py's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import comparison_plots
import results
from peer_rows import FLOOR, OURS
from works import WORKS

Case = dict[str, Any]
Row = dict[str, Any]

INTRODUCTION = """\
`make compare` wrote this page, its pictures and the figures, `{json}`: it makes an
environment of its own with the libraries, and measures the same works by all of them. `make compare
QUICK=1` is a shorter form of three minutes, which writes to `build/compare`. Rows where warpmix is
slower stay, and are listed [below](#where-warpmix-is-slower).

- **A time** is a batch's: the median of n calls, in brackets the least. Calls go round batches
  that are twice as many bytes as the last-level cache, so that none is found there. With more
  than one thread on a busy machine calls wait for each other by 8 and 16 ms, which medians show
  and minima do not.
- **warpmix** is `pipeline(images, labels)`, which makes a new batch, as the other libraries do.
  *Ready buffer* is the same with `out=`, as DALI and albumentations have it here.
- **Processor time** is of all threads. **Memory** is what the call takes at most beyond what was
  there before, its result included: pages of the process (on a GPU: what torch allocates), each
  row in a process of its own.
- **The floor** is the conversion to the output's type into a ready buffer, and nothing else; of a
  vote, one read of the predictions.
- A library that loops over samples in Python has one thread, as in a DataLoader's worker. With
  two threads it is two processes at once, each with batches of its own, and the time is a batch's
  of both; carrying batches between processes is left out, in its favour.
- A **star** marks less work: one draw for the whole batch, where the others draw for each sample.
  It is no "best peer".
"""


def stem(document: dict[str, Any]) -> str:
    """Of the files' names."""
    return "comparison" if document["device"] == "cpu" else "comparison-gpu"


def as_json(document: dict[str, Any]) -> str:
    """One row a line."""
    text = json.dumps(_rounded(document), ensure_ascii=False)
    return text.replace('{"work"', '\n{"work"').replace('{"row"', '\n {"row"') + "\n"


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value


def write(document: dict[str, Any], folder: Path, json_at: str) -> list[Path]:
    """Write the page, the page of all rows and the pictures; ``json_at``: as the page names it."""
    name = stem(document)
    written = [folder / f"{name}.md", folder / f"{name}-rows.md"]
    pictures = comparison_plots.draw(document, folder, name)
    shown = [picture.name for picture in pictures]
    results.write_whole(written[0], page(document, json_at, shown))
    results.write_whole(written[1], rows_page(document, json_at))
    return [*written, *pictures]


# ---- the page -----------------------------------------------------------------------------------


def page(document: dict[str, Any], json_at: str, pictures: list[str]) -> str:
    """Markdown, from the JSON's content alone."""
    name = stem(document)
    title = "# Comparison with other libraries" + (", on a GPU" if name != "comparison" else "")
    main = next((picture for picture in pictures if "scaling" not in picture), None)
    scaling = next((picture for picture in pictures if "scaling" in picture), None)
    parts = [title, "", INTRODUCTION.format(json=json_at)]
    parts += ["## Machine and versions", "", *_machine(document), ""]
    if main:
        words = "Times of each library over warpmix's, by work"
        parts += ["## Summary", "", f"![{words}]({main})", ""]
    for threads in _threads(document):
        heading = "One thread" if threads == 1 else f"{threads} threads"
        heading = heading if document["device"] == "cpu" else "On the GPU"
        parts += [f"### {heading}", "", *_summary(document, threads), ""]
    parts += [f"All rows, with processor time and memory: [{name}-rows.md]({name}-rows.md).", ""]
    parts += ["## Where warpmix is slower", "", *_losses(document), ""]
    if scaling:
        parts += ["## Scaling", "", *_scaling(document, scaling), ""]
    if document.get("training"):
        parts += ["## Training", "", *_training(document), ""]
    parts += ["## What each row does otherwise", "", *_differences(document)]
    return "\n".join(parts).rstrip() + "\n"


def _machine(document: dict[str, Any]) -> list[str]:
    facts = dict(document["machine"])
    gpu = facts.get("GPU") or facts.get("cuda:0")
    packages = [f"{name} {version}" for name, version in document["packages"].items() if version]
    absent = [name for name, version in document["packages"].items() if not version]
    load = " at the start, ".join(f"{one:.1f}" for one in document["load"])
    form = {"full": "whole", "quick": "quick, which is too short for figures to quote"}
    lines = [
        f"- {facts.get('CPU', '').rpartition(',')[0]}; {document['cores']} cores; GPU: {gpu}",
        f"- {document['date']}, commit {document['commit']}, {facts.get('host compiler', '')}",
        f"- {', '.join(packages)}",
        f"- load {load} at the end; {document['seconds'] / 60:.0f} minutes; "
        f"form: {form.get(document['form'], document['form'])}",
    ]
    if absent:
        lines.append(f"- not installed, and so without rows: {', '.join(absent)}")
    return lines


def _threads(document: dict[str, Any]) -> list[int]:
    return sorted({case["threads"] for case in document["cases"]})


def by_work(document: dict[str, Any]) -> list[Case]:
    """The cases, those of one work together."""
    order = list(WORKS)
    return sorted(document["cases"], key=lambda case: order.index(case["work"]))


def reference(case: Case) -> Row | None:
    """Warpmix's row."""
    return next((row for row in _timed(case) if row["baseline"] == OURS), None)


def _timed(case: Case) -> list[Row]:
    return [row for row in case["rows"] if "median" in row]


def is_peer(row: Row) -> bool:
    return (
        bool(row["baseline"]) and row["baseline"] != FLOOR and not row["baseline"].startswith(OURS)
    )


def peers(case: Case, starred: bool = False) -> list[Row]:
    """Rows of other libraries, those that do less work left out."""
    return [row for row in _timed(case) if is_peer(row) and (starred or "*" not in row["baseline"])]


def _summary(document: dict[str, Any], threads: int) -> Iterator[str]:
    heads = ["work", "batch", "warpmix, µs", "a second", "best peer, µs", "times as long"]
    yield f"| {' | '.join([*heads, 'floor, µs', 'warpmix over floor'])} |"
    yield "|---|---|---|---|---|---|---|---|"
    for case in by_work(document):
        ours = reference(case)
        if case["threads"] != threads or ours is None:
            continue
        best = min(peers(case), key=lambda row: row["median"], default=None)
        floor = next((row for row in _timed(case) if row["baseline"] == FLOOR), None)
        cells = [
            f"{case['work']}, {case['shape']}",
            f"{case['batch']:,}",
            _both(ours),
            f"{_short(ours['per_second'])} {case['unit']}",
            f"{best['row']}: {_both(best)}" if best else "",
            f"{_ratio(best, ours)}" if best else "",
            _both(floor) if floor else "",
            _ratio(ours, floor) if floor else "",
        ]
        yield f"| {' | '.join(cells)} |"


def _both(row: Row) -> str:
    """Median and, in brackets, least, in µs."""
    return f"{_us(row['median'])} ({_us(row['minimum'])})"


def _us(seconds: float) -> str:
    value = seconds * 1e6
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _ratio(one: Row, other: Row) -> str:
    """Of medians and, in brackets, of minima."""
    found = (one[key] / other[key] for key in ("median", "minimum"))
    median, least = (f"{value:.2f}" if value < 10 else f"{value:,.0f}" for value in found)
    return f"{median} ({least})"


def _short(value: float) -> str:
    for limit, suffix in ((1e6, "M"), (1e3, "k")):
        if value >= limit:
            return f"{value / limit:.3g} {suffix}"
    return f"{value:.3g}"


def _losses(document: dict[str, Any]) -> Iterator[str]:
    found = []
    for case in document["cases"]:
        ours = reference(case)
        if ours is None:
            continue
        for row in peers(case, starred=True):
            if row["median"] < ours["median"] or row["minimum"] < ours["minimum"]:
                name = f"{case['work']}, {case['case']}"
                ratio = _ratio(ours, row)
                found.append(f"| {name} | {row['row']} | {_both(row)} | {_both(ours)} | {ratio} |")
    if not found:
        yield "In no row, by median or by minimum."
        return
    yield "By median or by minimum:"
    yield ""
    yield "| case | row | µs | warpmix, µs | warpmix takes, times as long |"
    yield "|---|---|---|---|---|"
    yield from found


def _scaling(document: dict[str, Any], picture: str) -> Iterator[str]:
    yield f"![Cost against batch, size, threads, chain length and spread of sizes]({picture})"
    yield ""
    yield "Minima, one thread but where threads are the axis. *Transforms in the chain* are,"
    yield "in this order, flip, crop, brightness, contrast, saturation, erasing, CutMix, hue."
    failed = [
        f"{name}, {point['row']}: {point['failed']}"
        for name, panel in document["scaling"].items()
        for point in panel
        if "failed" in point
    ]
    for line in failed:
        yield f"- failed: {line}"


def _training(document: dict[str, Any]) -> Iterator[str]:
    yield "Images a second of a whole loop of training: batches of 256 of 32², the jitter chain, a"
    yield "network of three small convolutions, SGD; medians of rounds, in brackets the most."
    yield ""
    yield "| augmentation by | threads | images a second |"
    yield "|---|---|---|"
    for one in document["training"]:
        rate = one.get("left_out") or one.get("failed")
        if rate is None:
            rate = f"{one['median']:,.0f} ({one['most']:,.0f})"
        yield f"| {one['path']} | {one['threads']} | {rate} |"


def _differences(document: dict[str, Any]) -> Iterator[str]:
    """By work: the steps, and what its rows do otherwise."""
    measured = {case["work"] for case in document["cases"]}
    for name, work in WORKS.items():
        if name not in measured:
            continue
        yield f"**{name}**: {work.steps}"
        yield ""
        yield "| row | |"
        yield "|---|---|"
        rows = [row for row in work.rows if document["device"] in row.devices]
        for row in rows:
            yield f"| {row.name} | {row.differs} |"
        for row in work.rows:
            if row not in rows and row.devices == ("cuda",) and row.package == "triton_augment":
                yield f"| {row.name} | {row.differs}: no row here |"
        yield ""


# ---- all rows -----------------------------------------------------------------------------------


def rows_page(document: dict[str, Any], json_at: str) -> str:
    """Markdown: a table a case."""
    name = stem(document)
    parts = [
        "# All rows of the comparison",
        "",
        f"`make compare` wrote this; [{name}.md]({name}.md) says how it is measured, and on what.",
        f"The same as JSON: `{json_at}`. Times are a batch's, in µs; *over* is the row's",
        "median over warpmix's.",
        "",
    ]
    work = None
    for case in by_work(document):
        if case["work"] != work:
            work = case["work"]
            parts += [f"## {work}", ""]
        parts += [*_case_table(case), ""]
    return "\n".join(parts).rstrip() + "\n"


def _case_table(case: Case) -> Iterator[str]:
    ours = reference(case)
    yield f"**{case['case']}**"
    yield ""
    heads = ["row", "median", "least", "n", f"{case['unit']} a second", "processor time"]
    yield f"| {' | '.join([*heads, 'memory, MiB', 'over'])} |"
    yield "|---|---|---|---|---|---|---|---|"
    for row in case["rows"]:
        if "median" not in row:
            reason = row.get("failed") or row["left_out"]
            yield f"| {row['row']} | {'failed: ' if 'failed' in row else ''}{reason} |||||||"
            continue
        cells = [row["row"], _us(row["median"]), _us(row["minimum"]), f"{row['n']:.0f}"]
        cells += [_short(row["per_second"]), _us(row["cpu"]), f"{row['memory'] / 2**20:,.1f}"]
        cells.append(f"{row['median'] / ours['median']:.2f}" if ours else "")
        yield f"| {' | '.join(cells)} |"
