"""A study as a file: what it trains, in which order, and what its report shows.

A recipe is YAML. Its sweeps are run in the order in which they stand; each is a grid of settings
or a list of named choices, for each of some named series (architectures, say), with repeats.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Settings = dict[str, Any]
"""Settings of :class:`warpmix.train.TrainConfig`; a key may lead into the ``augment`` list, as
``augment.RandomShift.max_shift`` or, by the transform's place from 0, ``augment.0.max_shift``."""

Split = Literal["validation", "test"]


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_as_list)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Series(_Part):
    """A line of a chart: an architecture, say, with the settings that make it."""

    title: str
    settings: Settings = {}


class Published(_Part):
    """A value of the paper, drawn in and tabled beside ours.

    Attributes:
        at: the value of each axis that it belongs to, ``series`` among them; empty: of the whole.
        accuracy: 0..1.
        note: what must be known to compare it.
    """

    at: dict[str, Any] = {}
    accuracy: float = Field(ge=0, le=1)
    note: str = ""


class Sweep(_Part):
    """Runs over the values of some settings, or over named choices.

    Attributes:
        title, about: shown in the plan and the report.
        settings: of all its runs, over the study's base and the series' own.
        series: names of the study's series, each swept by itself; empty: the base alone.
        grid: settings and the values of each; every combination is run. A name that is no setting
            is a variable: its value stands wherever the settings say ``$name``.
        choices: named sets of settings, an axis called ``choice``; with a grid, each combination.
        start_from: earlier sweeps whose best values, for each series, are taken over.
        best_by: figure whose mean over the repeats decides which value is best.
        repeats: runs of each combination; None: the study's.
        seeds: their seeds; None: numbers of this sweep's own, made from its name.
        published: the paper's values.
        split: the figure that ``published`` and the charts are about.
        optional: not part of the plan unless it is asked for: a variant, or further research.
    """

    title: str
    about: str = ""
    settings: Settings = {}
    series: Names = []
    grid: dict[str, list[Any]] = {}
    choices: dict[str, Settings] = {}
    start_from: Names = []
    best_by: Literal["validation_accuracy", "validation_loss"] = "validation_accuracy"
    repeats: int | None = Field(None, ge=1, le=1000)
    seeds: list[int] | None = None
    published: list[Published] = []
    split: Split = "test"
    optional: bool = False


class Selection(_Part):
    """Some runs of one sweep, or of several.

    Attributes:
        sweep: its name, or their names.
        series: of these series alone; empty: all.
        where: of these values alone, by axis (a setting of the grid, ``choice`` or ``repeat``).
        leave_out: not of these values, by axis.
        best: only the best setting by validation accuracy of each series (``series``) or of all
            (``one``), over all the sweeps; None: every setting.
        axes: values by axis that these runs have in this place, over their own: where runs of
            another sweep stand for ``choice: none``, say.
    """

    sweep: Annotated[Names, Field(min_length=1)]
    series: Names = []
    where: dict[str, list[Any]] = {}
    leave_out: dict[str, list[Any]] = {}
    best: Literal["series", "one"] | None = None
    axes: dict[str, Any] = {}


class Ensemble(_Part):
    """Votes over the stored predictions of a pool.

    Attributes:
        pool: name of a pool.
        methods: of :func:`warpmix.vote`, or ``stacked`` (trained on the validation predictions).
        shares: of the pool, best first by ``rank_by``; [1.0]: the whole pool.
        rank_by: the split whose accuracy ranks the models.
        split: the split that is voted on.
        published: the paper's values, ``at`` ``share`` and ``method``.
    """

    title: str
    about: str = ""
    pool: str
    methods: list[Literal["soft", "hard", "weighted", "stacked"]] = ["soft", "hard"]
    shares: list[Annotated[float, Field(gt=0, le=1)]] = [1.0]
    rank_by: Split = "validation"
    split: Split = "test"
    published: list[Published] = []


class Number(_Part):
    """One figure of the paper's text, and the runs that give ours.

    Attributes:
        runs: of which ``of`` is taken.
        of: the mean over runs, or that of the run that is best on validation.
    """

    title: str
    runs: list[Selection]
    of: Literal["mean", "best"] = "mean"
    split: Split = "test"
    published: float | None = Field(None, ge=0, le=1)
    note: str = ""


class Figure(_Part):
    """A figure or table of the report, by the paper's own number.

    Attributes:
        number: the paper's, such as ``Figure 1`` or ``Table 4.1``.
        kind: what is drawn. ``values``: accuracy by the values of ``x``, a line a series, with
            the spread over repeats. ``bars``: the same by choice. ``curves``: loss and accuracy by
            epoch, mean and deviation over repeats, a panel a value of ``panels``; one of the two
            alone with ``metric``. ``heatmap``:
            accuracy by ``x`` and ``y``. ``confusion``: of the best run. ``ensemble``: ``ensemble``
            by share, with its table. ``vote_curve``: accuracy of every ensemble size of its pool.
            ``table``: a row a combination: best training and validation accuracy, test accuracy,
            epochs, minutes. ``numbers``: ``numbers`` beside the published. ``examples``: images
            and their augmented forms, as the first of ``runs`` sees them. ``sizes``: the images'
            sizes, with those left out. ``outliers``: the images left out, and their classes.
            ``network``: layers and parameters. ``versions``: of the packages. ``times``: of sweeps.
        runs: what is shown; several selections are shown together.
        x, y, panels, series: axes of the sweep (a setting, ``choice``, ``series``).
        metric: None: the sweep's split's accuracy.
        log_x: logarithmic axis.
        ensemble: name of an ensemble.
    """

    number: str
    title: str
    about: str = ""
    kind: Literal[
        "values",
        "bars",
        "curves",
        "heatmap",
        "confusion",
        "ensemble",
        "vote_curve",
        "table",
        "numbers",
        "examples",
        "sizes",
        "outliers",
        "network",
        "versions",
        "times",
    ]
    runs: list[Selection] = []
    x: str | None = None
    y: str | None = None
    panels: str | None = None
    series: str | None = None
    metric: Literal["test_accuracy", "validation_accuracy", "validation_loss"] | None = None
    log_x: bool = False
    ensemble: str | None = None
    numbers: list[Number] = []


class Recipe(_Part):
    """A study.

    Attributes:
        title, authors, year, framework: of the paper, or of one's own study.
        about: what it asks, in a sentence or two.
        base: settings of every run.
        seed: from which each sweep's own seeds are made.
        repeats: runs of each combination.
        series: by name.
        sweeps: by name, in the order in which they are run.
        pools: runs to vote over, by name.
        ensembles, figures: of the report.
        differences: what differs from the paper, and why.
        needs: files and folders that must lie in the data folder (``--root``), each a path or a
            pattern such as ``cifar-10-*``, and how to get it.
        quick: what replaces the above in the quick form, key by key (see ``study.merge``).
        digits: and in the form for which no data set is needed, over ``quick``.
    """

    title: str
    authors: str = ""
    year: int | None = None
    framework: str = ""
    about: str = ""
    base: Settings = {}
    seed: int = Field(0, ge=0)
    repeats: int = Field(1, ge=1, le=1000)
    series: dict[str, Series] = {}
    sweeps: dict[str, Sweep]
    pools: dict[str, list[Selection]] = {}
    ensembles: dict[str, Ensemble] = {}
    figures: list[Figure] = []
    differences: list[str] = []
    needs: dict[str, str] = {}
    quick: dict[str, Any] = {}
    digits: dict[str, Any] = {}
