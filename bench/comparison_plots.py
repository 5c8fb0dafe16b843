"""The pictures of the comparison, readable on light and on dark pages: SVG without a background."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("svg")
import comparison_page
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

GREY = "#808080"
"""Of text and axes: legible on white and on black."""
COLOURS = {
    "warpmix": "#e8590c",
    "PyTorch": "#d6336c",
    "torchvision": "#4a8fe7",
    "Kornia": "#2f9e44",
    "albumentations": "#9c6ade",
    "DALI": "#0c9fb0",
    "timm": "#b08900",
    "fuse-augm.": "#7a9e1f",
    "triton-augm.": "#c2553d",
    "Pillow": "#a9744f",
    "scikit-learn": "#d97706",
    "NumPy": "#5f7fbf",
    "floor": GREY,
}
STYLE = {
    "svg.fonttype": "none",
    "font.size": 9,
    "font.family": "sans-serif",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "warpmix",  # the same picture has the same bytes
    **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), GREY),
    "axes.edgecolor": GREY,
    "legend.frameon": False,
}
LINES = {
    "warpmix": ("warpmix", COLOURS["warpmix"], "-"),
    "warpmix, ready buffer": ("ready buffer", COLOURS["warpmix"], ":"),
    "floor: copy_ to the output's type": ("floor", GREY, "--"),
}
PANELS = {
    "batch": ("images in a batch of 32²", True),
    "size": ("side of the images, batches of 2²⁰ pixels", True),
    "threads": ("threads, 1024 images of 32²", False),
    "length": ("transforms in the chain, 256 images of 96²", False),
    "spread": ("sides of photos differ from 400 by, %", False),
}


def draw(document: dict[str, Any], folder: Path, name: str) -> list[Path]:
    """Write the pictures there is something for."""
    with plt.rc_context(STYLE):
        made = [(f"{name}.svg", _peers(document)), (f"{name}-scaling.svg", _scaling(document))]
        paths = []
        for file, figure in made:
            if figure is None:
                continue
            path, temporary = folder / file, folder / f"{file}.tmp"
            figure.savefig(temporary, format="svg", transparent=True, bbox_inches="tight",
                           metadata={"Date": None})  # fmt: skip
            plt.close(figure)
            temporary.replace(path)
            paths.append(path)
    return paths


def _peers(document: dict[str, Any]) -> Any:
    """A line a case of one thread; a dot a row, at its least time over warpmix's."""
    cases = [
        case
        for case in reversed(comparison_page.by_work(document))
        if case["threads"] == 1 and case["batch"] > 1 and comparison_page.reference(case)
    ]
    if not cases:
        return None
    figure, axes = plt.subplots(figsize=(8.5, 1.3 + 0.24 * len(cases)))
    shown: set[str] = set()
    for place, case in enumerate(cases):
        if (len(cases) - place) % 2:
            axes.axhspan(place - 0.5, place + 0.5, color=GREY, alpha=0.09, linewidth=0)
        ours = comparison_page.reference(case)
        for row in case["rows"]:
            if "minimum" in row and row is not ours and row["baseline"] != "warpmix, NCHW":
                shown |= _dot(axes, row["minimum"] / ours["minimum"], place, row["baseline"])
    axes.axvline(1.0, color=COLOURS["warpmix"], linewidth=1.4)
    axes.set_xscale("log")
    axes.set_yticks(range(len(cases)), [_label(case) for case in cases])
    axes.set_ylim(-0.6, len(cases) - 0.4)
    where = "one thread" if document["device"] == "cpu" else "on the GPU"
    axes.set_xlabel(f"times as long as warpmix (minima, {where}); left of the line: faster")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.grid(axis="x", color=GREY, alpha=0.25)
    handles = [_handle(family) for family in COLOURS if family in shown]
    plain = {"color": GREY, "linestyle": "", "markerfacecolor": "none"}
    if "compiled" in shown:
        handles.append(Line2D([], [], marker="o", label="compiled", **plain))
    handles.append(Line2D([], [], marker="x", label="one draw a batch", **plain))
    axes.legend(
        handles=handles, ncols=5, loc="lower center", bbox_to_anchor=(0.4, 1.0), handletextpad=0.2
    )
    return figure


def _dot(axes: Axes, x: float, y: int, baseline: str) -> set[str]:
    """Draw one row and return what the legend is to explain."""
    family = baseline.split(",")[0].removesuffix(" *")
    compiled, colour = "compiled" in baseline, COLOURS.get(family, GREY)
    mark = "x" if "*" in baseline else "|" if family == "floor" else "o"
    options: dict[str, Any] = {"color": colour}
    if mark == "o":
        hollow = compiled or family == "warpmix"
        options = {"facecolors": "none" if hollow else colour, "edgecolors": colour}
    axes.scatter(x, y, s=26, marker=mark, linewidths=1.2, zorder=3, **options)
    return {family, "compiled"} if compiled else {family}


def _handle(family: str) -> Line2D:
    """Of the legend."""
    colour, ours = COLOURS[family], family == "warpmix"
    marker, face = "|" if family == "floor" else "o", "none" if ours else colour
    label = "warpmix, ready buffer" if ours else family
    options = {"linestyle": "", "marker": marker, "markerfacecolor": face}
    return Line2D([], [], color=colour, label=label, **options)


def _label(case: dict[str, Any]) -> str:
    shape = case["shape"].replace("sides of ", "")
    return (
        f"{case['work']}  {case['batch']:,} × {shape}"
        if case["unit"] == "images"
        else f"{case['work']}  {shape}"
    )


def _scaling(document: dict[str, Any]) -> Any:
    panels = [name for name in PANELS if document.get("scaling", {}).get(name)]
    bars = [one for one in document.get("training", []) if "median" in one]
    count = len(panels) + bool(bars)
    if not count:
        return None
    figure, grid = plt.subplots(
        -(-count // 2), 2, figsize=(8.5, 2.5 * -(-count // 2)), squeeze=False
    )
    places = list(grid.flat)
    for axes, name in zip(places, panels, strict=False):
        _panel(axes, document["scaling"][name], name)
    if bars:
        _bars(places[len(panels)], bars)
    for axes in places[count:]:
        axes.set_visible(False)
    places[0].legend(loc="best")
    figure.tight_layout()
    return figure


def _panel(axes: Axes, points: list[dict[str, Any]], name: str) -> None:
    label, logarithmic = PANELS[name]
    for row, (words, colour, line) in LINES.items():
        found = [point for point in points if point["row"] == row and "median" in point]
        xs = [point["x"] for point in found]
        ys = [point["minimum"] / point["images"] * 1e6 for point in found]
        if name == "size":
            ys = [y * 1e3 / x**2 for x, y in zip(xs, ys, strict=True)]
        axes.plot(xs, ys, linestyle=line, color=colour, marker="o", markersize=3, label=words)
    if logarithmic:
        axes.set_xscale("log", base=2 if name == "size" else 4)
        axes.set_yscale("log")
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0f}")
        axes.tick_params(axis="x", labelsize=8)
        axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_major_locator(mpl.ticker.LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_formatter("")
    else:
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
    axes.set_xlabel(label)
    axes.set_ylabel("ns a pixel" if name == "size" else "µs an image")
    axes.grid(color=GREY, alpha=0.2)


def _bars(axes: Axes, found: list[dict[str, Any]]) -> None:
    paths = list(dict.fromkeys(one["path"] for one in found))
    counts = sorted({one["threads"] for one in found})
    height = 0.8 / len(counts)
    for shift, threads in enumerate(counts):
        for one in found:
            if one["threads"] == threads:
                place = (
                    len(paths) - paths.index(one["path"]) - (shift - (len(counts) - 1) / 2) * height
                )
                colour = COLOURS["warpmix"] if one["path"] == "warpmix" else GREY
                axes.barh(place, one["median"], height * 0.9, color=colour, alpha=1 - 0.45 * shift)
                axes.text(
                    one["median"],
                    place,
                    f" {threads} thread{'s' * (threads > 1)}",
                    va="center",
                    fontsize=7,
                )
    axes.set_yticks(range(len(paths), 0, -1), [path.replace(", ", ",\n") for path in paths])
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_xlabel("images a second of training, a small network")
    axes.margins(x=0.18)
