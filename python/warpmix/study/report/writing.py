"""The report of a study: which section is made by what, and the files it is written to."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from matplotlib.figure import Figure as Canvas

from warpmix._files import atomic_write, make_folder
from warpmix.figures.drawing import save_figure
from warpmix.study.recipe import Figure
from warpmix.study.report import curves, grids, images, listings, values, voting
from warpmix.study.report.differences import make_differences
from warpmix.study.report.drawing import render
from warpmix.study.report.markdown import make_markdown
from warpmix.study.report.measured import with_measured_splits
from warpmix.study.report.overview import make_failures, runs_table
from warpmix.study.report.page import make_page, thumbnail
from warpmix.study.report.parts import Section
from warpmix.study.report.selecting import Study, sweeps_of

PAGE = "index.html"
MARKDOWN = "README.md"

_MAKERS: Mapping[str, Callable[[Study, Figure], Section]] = {
    "bars": values.make_bars,
    "confusion": grids.make_confusion,
    "curves": curves.make_curves,
    "ensemble": voting.make_ensemble,
    "examples": images.make_examples,
    "heatmap": grids.make_heatmap,
    "network": images.make_network,
    "numbers": listings.make_numbers,
    "outliers": images.make_outliers,
    "sizes": images.make_sizes,
    "table": listings.make_table,
    "times": listings.make_times,
    "values": values.make_values,
    "versions": listings.make_versions,
    "vote_curve": voting.make_vote_curve,
}


def write_report(results: Study, out: str | os.PathLike[str]) -> Path:
    """Write the report of a study, finished or not.

    Where no run was tested, because the images have no test part, its accuracies are those of the
    validation images.

    Args:
        results: of the study. Ensembles that were counted are kept in its folder, so that the next
            report is quick.
        out: folder, made if need be: ``index.html``, which needs no other file; ``README.md``,
            the same as Markdown; a PNG a picture and a CSV file a table; ``runs.csv``, a row a run.

    Returns:
        The page.

    Raises:
        ValueError: a figure of the recipe names an ensemble or a pool that there is none of, or
            predictions of a pool do not belong together.
        OSError: the files cannot be written.
    """
    results = with_measured_splits(results)
    folder = Path(out)
    make_folder(folder)
    sections = make_sections(results)
    pictures = [picture for section in sections for picture in section.pictures]
    rendered = {picture.name: render(picture, folder) for picture in pictures}
    for section in sections:
        for table in section.tables:
            table.save(folder)
        if section.galleries:
            _save_galleries(section, folder)
    runs_table(results).save(folder)
    _write(folder / MARKDOWN, make_markdown(results, sections))
    _write(folder / PAGE, make_page(results, sections, rendered))
    return folder / PAGE


def make_sections(study: Study) -> list[Section]:
    """Return the sections of a report: the paper's figures and tables, and the report's own."""
    recipe = study.recipe
    found = [_MAKERS[each.kind](study, each) for each in recipe.figures if _is_shown(study, each)]
    found.append(make_differences(study))
    if recipe.differences:
        found.append(
            Section("", "What differs from the paper, and why", bullets=tuple(recipe.differences))
        )
    failures = make_failures(study)
    return found if failures is None else [*found, failures]


def _is_shown(study: Study, figure: Figure) -> bool:
    """Return whether a figure belongs to the report: not if all it shows was left to choice."""
    names = sweeps_of(figure)
    if figure.ensemble in study.recipe.ensembles:
        pool = study.recipe.pools.get(study.recipe.ensembles[figure.ensemble].pool, [])
        names = [name for selection in pool for name in selection.sweep]
    if not names or not all(study.recipe.sweeps[name].optional for name in names):
        return True
    return any(run.sweep in names for run in study.runs)


def _write(path: Path, text: str) -> None:
    with atomic_write(path) as temporary:
        temporary.write_text(text, "utf-8")


def _save_galleries(section: Section, folder: Path) -> None:
    """Write a section's images as one PNG, a row a gallery."""
    across = max(len(gallery.shown) for gallery in section.galleries)
    down = len(section.galleries)
    figure = Canvas(figsize=(1.5 * across, 1.75 * down), dpi=110, layout="constrained")
    grid = figure.subplots(down, across, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for gallery, row in zip(section.galleries, grid, strict=True):
        row[0].set_title(gallery.title, fontsize=8, loc="left")
        for shown, axes in zip(gallery.shown, row, strict=False):
            axes.imshow(thumbnail(shown.image), cmap="gray", vmin=0, vmax=255)
    save_figure(figure, folder / f"{section.anchor}.png")
