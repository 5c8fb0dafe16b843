"""Sections about the data: examples, sizes, images left out; and a network's layers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure as Canvas

from warpmix.data.images import read_image
from warpmix.data.sources import list_files, splits_of
from warpmix.data.survey import Survey, survey
from warpmix.models.describe import describe
from warpmix.study.recipe import Figure
from warpmix.study.report.drawing import SERIES, new_figure
from warpmix.study.report.parts import Column, Gallery, Picture, Section, Shown, Table, slug
from warpmix.study.report.selecting import Group, Study, axes_of, describe_setting, group, select
from warpmix.train import TrainConfig, load_config
from warpmix.train.examples import augment_examples
from warpmix.train.model import load_model

_EXAMPLES = 6  # images
_FORMS = 8  # augmentations
_OUTLIERS = 12
_SIZES = 15  # the most frequent ones are drawn


def _about(figure: Figure) -> tuple[str, ...]:
    return (figure.about,) if figure.about else ()


def _config(group: Group) -> TrainConfig:
    """Return a setting's complete settings; of runs that have none, their sweep's are unknown."""
    known = next((run.settings for run in group.runs if run.settings is not None), {})
    return load_config(None, **known)


def _groups(study: Study, figure: Figure) -> list[Group]:
    """Return the groups of a figure, or all of the study, that know their settings."""
    groups = select(study, figure.runs) if figure.runs else group(study.runs)
    return [g for g in groups if any(run.settings is not None for run in g.runs)]


def make_examples(study: Study, figure: Figure) -> Section:
    """Return training images, and what each augmentation makes of them."""
    groups = _groups(study, figure)
    axes = [axis for axis in axes_of(groups) if axis != "series"]
    galleries: list[Gallery] = []
    seen: list[object] = []
    for each in groups:
        made_by = (each.axis("augment"), each.axis("variants"))
        if made_by in seen or len(seen) >= _FORMS:
            continue
        try:
            found = augment_examples(_config(each).model_copy(update={"p": 1.0}), _EXAMPLES)
        except (FileNotFoundError, ValueError) as error:
            return Section(
                figure.number, figure.title, _about(figure), notes=(f"No images: {error}",)
            )
        if not galleries:
            originals = zip(found.originals, found.titles, strict=True)
            shown = tuple(Shown(image, (title,)) for image, title in originals)
            galleries.append(Gallery("Originals", shown))
        seen.append(made_by)
        if any(made_by):
            setting = describe_setting(study.recipe, each.values, axes) if axes else ""
            for form in found.forms:
                title = ": ".join(text for text in (setting, form.name) if text) or "Augmented"
                pairs = zip(form.images, form.captions, strict=True)
                galleries.append(Gallery(title, tuple(Shown(i, lines) for i, lines in pairs)))
    return Section(
        figure.number,
        figure.title,
        _about(figure),
        galleries=tuple(galleries),
        notes=("Every image is augmented here; in training, as often as the settings say.",)
        if galleries
        else ("No run of this figure has settings yet.",),
    )


# ---- sizes of image files -----------------------------------------------------------------------


def _survey(config: TrainConfig) -> tuple[Survey, dict[Path, str]] | None:
    """Return the sizes of a data set's files and the class of each; None without files."""
    classes: dict[Path, str] = {}
    for split in splits_of(config.data, config.root):
        files = list_files(config.data, split, config.root)
        if files is None:
            return None
        if files.labels is not None:
            names = (files.classes[label] for label in files.labels)
            classes.update(zip(files.paths, names, strict=True))
    return survey(list(classes)), classes


def _surveyed(study: Study, figure: Figure) -> tuple[TrainConfig, Survey, dict[Path, str]] | str:
    """Return settings and what their files are, or why that is not known."""
    groups = _groups(study, figure)
    if not groups:
        return "No run of this figure has settings yet."
    try:
        config = _config(groups[0])
        found = _survey(config)
    except (FileNotFoundError, ValueError) as error:
        return f"The images are not at hand: {error}"
    return f"{config.data} does not come as image files." if found is None else (config, *found)


def _is_kept(config: TrainConfig, size: tuple[int, int]) -> bool:
    return config.fit != "only" or size == (config.image_size, config.image_size)


def make_sizes(study: Study, figure: Figure) -> Section:
    """Return how many images have each size, and how many of each class are left out."""
    found = _surveyed(study, figure)
    if isinstance(found, str):
        return Section(figure.number, figure.title, _about(figure), notes=(found,))
    config, surveyed, classes = found
    sizes = surveyed.sizes.most_common()
    shown = [(f"{w} × {h}", n, _is_kept(config, (h, w))) for (h, w), n in sizes[:_SIZES]]
    rest = len(sizes) - len(shown)
    return Section(
        figure.number,
        figure.title,
        _about(figure),
        (
            Picture(
                slug(figure.number),
                "Images by width and height",
                lambda narrow: _draw_sizes(shown, narrow),
            ),
        ),
        tables=(
            Table(
                f"{slug(figure.number)}-sizes",
                (
                    Column("width", "Width", "count"),
                    Column("height", "Height", "count"),
                    Column("images", "Images", "count"),
                    Column("kept", "Kept?"),
                ),
                tuple(
                    {
                        "width": w,
                        "height": h,
                        "images": n,
                        "kept": "yes" if _is_kept(config, (h, w)) else "no",
                    }
                    for (h, w), n in sizes
                ),
                "By size",
                folded=len(sizes) > 12,
            ),
            _by_class(config, surveyed, classes, slug(figure.number)),
        ),
        notes=(
            f"{len(classes):,} images of {len(sizes):,} sizes"
            + (f"; the {rest:,} rarest are in the table alone." if rest > 0 else "."),
            *([f"{len(surveyed.bad):,} files cannot be read."] if surveyed.bad else []),
        ),
    )


def _by_class(config: TrainConfig, surveyed: Survey, classes: dict[Path, str], name: str) -> Table:
    kept = Counter(classes[p] for p, size in surveyed.size_of.items() if _is_kept(config, size))
    every = Counter(classes.values())
    rows = [{"class": c, "kept": kept[c], "left_out": n - kept[c]} for c, n in every.items()]
    whole = {"class": "all", "kept": kept.total(), "left_out": every.total() - kept.total()}
    columns = (
        Column("class", "Class"),
        Column("kept", "Kept", "count"),
        Column("left_out", "Left out", "count"),
    )
    return Table(f"{name}-classes", columns, (*rows, whole), "By class")


def _draw_sizes(shown: Sequence[tuple[str, int, bool]], narrow: bool) -> Canvas:
    canvas = new_figure(narrow, 0.8 + 0.24 * len(shown))
    axes = canvas.add_subplot()
    colours = [SERIES[0] if kept else SERIES[1] for _, _, kept in shown]
    bars = axes.barh(range(len(shown)), [n for _, n, _ in shown], color=colours)
    axes.bar_label(bars, [f"{n:,}" for _, n, _ in shown], padding=3, fontsize=8)
    axes.set_yticks(range(len(shown)), [size for size, _, _ in shown])
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.set_xscale("symlog", linthresh=1)
    axes.set_xlim(0, 4 * max(n for _, n, _ in shown))
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("images (blue: kept, orange: left out)")
    return canvas


def make_outliers(study: Study, figure: Figure) -> Section:
    """Return images that are left out for their size, and how many of each class."""
    found = _surveyed(study, figure)
    if isinstance(found, str):
        return Section(figure.number, figure.title, _about(figure), notes=(found,))
    config, surveyed, classes = found
    left = [path for path, size in surveyed.size_of.items() if not _is_kept(config, size)]
    shown = [
        Shown(read_image(path), (f"{w} × {h}", classes[path]))
        for path in left[:_OUTLIERS]
        for h, w in [surveyed.size_of[path]]
    ]
    return Section(
        figure.number,
        figure.title,
        _about(figure),
        galleries=(Gallery("Left out", tuple(shown)),) if shown else (),
        tables=(_by_class(config, surveyed, classes, slug(figure.number)),),
        notes=(f"{len(left):,} images are left out; {len(shown)} are shown.",),
    )


# ---- a network ----------------------------------------------------------------------------------


def make_network(study: Study, figure: Figure) -> Section:
    """Return the layers of the networks of a figure's runs, and their parameters."""
    tables: list[Table] = []
    notes = []
    for each in _groups(study, figure):
        done = next((run for run in each.runs if run.status == "done"), None)
        if done is None:
            continue
        try:
            network, spec = load_model(done.folder)
        except FileNotFoundError:
            notes.append(f"The weights of the run {done.id} are not at hand.")
            continue
        layers = describe(network, spec.channels, *spec.network_size)
        total = sum(layer.parameters for layer in layers)
        columns = (
            Column("name", "Layer"),
            Column("kind", "Kind"),
            Column("output", "Output"),
            Column("parameters", "Parameters", "count"),
        )
        rows = tuple(
            {
                "name": layer.name,
                "kind": layer.kind,
                "output": " × ".join(map(str, layer.output)),
                "parameters": layer.parameters,
            }
            for layer in layers
        )
        if any(table.rows == rows for table in tables):
            continue  # they differ in dropout, say
        units = ", ".join(map(str, spec.head))
        name = f"{spec.model}, head of {units}" if units else f"{spec.model}, linear head"
        file = slug(f"{figure.number} {name}" if tables else figure.number)
        tables.append(Table(file, columns, rows, name, folded=len(rows) > 30))
        frozen = " Its backbone is frozen." if each.axis("frozen") else ""
        notes.append(f"{name}: {total:,} parameters.{frozen}")
    return Section(
        figure.number,
        figure.title,
        _about(figure),
        tables=tuple(tables),
        notes=tuple(notes) or ("No run of this figure is finished.",),
    )
