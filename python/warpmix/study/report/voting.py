"""Ensembles by their share of a pool (``ensemble``) and at every size (``vote_curve``)."""

from __future__ import annotations

from matplotlib.figure import Figure as Canvas
from matplotlib.lines import Line2D

from warpmix.figures.drawing import as_percentages
from warpmix.figures.vote_curve import plot_vote_curve
from warpmix.study.recipe import Ensemble, Figure
from warpmix.study.report.drawing import (
    INK,
    MUTED,
    PAPER,
    add_legend,
    colour_of,
    marker_of,
    new_figure,
    published_handle,
    wrapped,
)
from warpmix.study.report.parts import Column, Picture, Section, Table, slug
from warpmix.study.report.points import difference_of
from warpmix.study.report.selecting import Study
from warpmix.study.report.votes import Votes, count

_METHODS = {
    "soft": "soft vote",
    "hard": "hard vote",
    "weighted": "weighted soft vote",
    "stacked": "stacking",
}


def make_ensemble(study: Study, figure: Figure) -> Section:
    """Return votes of the best shares of a pool, with their table."""
    ensemble, votes = _counted(study, figure)
    said = {
        (float(p.at.get("share", 1.0)), str(p.at.get("method", "soft"))): p.accuracy
        for p in ensemble.published
    }
    if votes is None:
        return _unfinished(figure, ensemble)
    columns = (
        Column("share", "Best of the pool", "part"),
        Column("models", "Models", "count"),
        Column("method", "Method"),
        Column("accuracy", f"{ensemble.split.capitalize()} accuracy", "share"),
        *(
            [Column("published", "Published", "share"), Column("beyond", "Difference", "points")]
            if said
            else []
        ),
        Column("difference", "Over the first", "points"),
        Column("interval", "95 % interval", "interval"),
        Column("p", "p, corrected", "p"),
        Column("real", "Real?"),
    )
    rows = []
    for vote in votes.votes:
        paper = said.get((vote.share, vote.method))
        rows.append(
            {
                "share": vote.share,
                "models": vote.models,
                "method": _METHODS[vote.method],
                "accuracy": vote.accuracy,
                "published": paper,
                "beyond": difference_of(vote.accuracy, paper),
                "difference": vote.difference,
                "interval": None if vote.low is None else (vote.low, vote.high),
                "p": vote.p,
                "real": {True: "yes", False: "no", None: None}[vote.real],
            }
        )
    return Section(
        figure.number,
        figure.title,
        _about(figure, ensemble),
        (
            Picture(
                slug(figure.number),
                f"{figure.title}: accuracy by the share of the models that vote",
                lambda narrow: _draw_shares(ensemble, votes, said, narrow),
            ),
        ),
        tables=(Table(slug(figure.number), columns, tuple(rows)),),
        notes=(
            *_notes(ensemble, votes),
            "The interval is of the difference to the model that is ranked first, over the images "
            "(bootstrap); p is McNemar's exact test, corrected by Holm for all rows.",
        ),
    )


def make_vote_curve(study: Study, figure: Figure) -> Section:
    """Return the accuracy of every size of an ensemble."""
    ensemble, votes = _counted(study, figure)
    if votes is None:
        return _unfinished(figure, ensemble)
    columns = (
        Column("models", "Models", "count"),
        Column("soft", "Soft vote", "share"),
        Column("hard", "Hard vote", "share"),
        Column("member", "The k-th model alone", "share"),
    )
    rows = [
        {"models": k, "soft": soft, "hard": hard, "member": member}
        for k, (soft, hard, member) in enumerate(
            zip(votes.soft, votes.hard, votes.members, strict=True), 1
        )
    ]
    return Section(
        figure.number,
        figure.title,
        _about(figure, ensemble),
        (
            Picture(
                slug(figure.number),
                f"{figure.title}: accuracy by the number of models that vote",
                lambda narrow: _draw_curve(votes, narrow),
            ),
        ),
        tables=(Table(slug(figure.number), columns, tuple(rows), folded=True),),
        notes=_notes(ensemble, votes),
    )


def _counted(study: Study, figure: Figure) -> tuple[Ensemble, Votes | None]:
    """Return a figure's ensemble and its votes.

    Raises:
        ValueError: the recipe has no ensemble of that name.
    """
    known = study.recipe.ensembles
    if figure.ensemble not in known:
        raise ValueError(
            f"{figure.number}: ensemble must be one of {', '.join(known) or 'none'}, "
            f"got {figure.ensemble!r}"
        )
    ensemble = known[figure.ensemble]
    return ensemble, count(study, ensemble)


def _about(figure: Figure, ensemble: Ensemble) -> tuple[str, ...]:
    return tuple(text for text in (figure.about, ensemble.about) if text)


def _unfinished(figure: Figure, ensemble: Ensemble) -> Section:
    return Section(
        figure.number,
        figure.title,
        _about(figure, ensemble),
        notes=(f"No run of the pool “{ensemble.pool}” has finished with predictions.",),
    )


def _notes(ensemble: Ensemble, votes: Votes) -> tuple[str, ...]:
    voting = len(votes.members)
    notes = [
        f"{voting:,} of {votes.planned:,} models of the pool “{ensemble.pool}” vote, ranked by "
        f"{ensemble.rank_by} accuracy, on {votes.images:,} {ensemble.split} images. The first "
        f"model alone: {votes.members[0]:.2%}; the highest of all alone: {max(votes.members):.2%}."
    ]
    if ensemble.rank_by == ensemble.split:
        notes.append(
            "The models are ranked on the images that they vote on, so the accuracies of small "
            "shares are too high."
        )
    return tuple(notes)


def _draw_shares(
    ensemble: Ensemble, votes: Votes, said: dict[tuple[float, str], float], narrow: bool
) -> Canvas:
    canvas = new_figure(narrow, 3.5 if narrow else 3.7)
    axes = canvas.add_subplot()
    shares = list(dict.fromkeys(ensemble.shares))
    alone = len(shares) == 1  # then the methods stand side by side
    for number, method in enumerate(ensemble.methods):
        ours = {v.share: v.accuracy for v in votes.votes if v.method == method}
        offset = number if alone else 0.06 * (number - (len(ensemble.methods) - 1) / 2)
        places = [shares.index(share) + offset for share in ours]
        axes.plot(places, list(ours.values()), color=colour_of(number), marker=marker_of(number))
        for share in ours:
            if (share, method) in said:
                axes.plot(
                    shares.index(share) + offset,
                    said[share, method],
                    "D",
                    markerfacecolor=PAPER,
                    markeredgecolor=colour_of(number),
                    markeredgewidth=1.4,
                )
    axes.axhline(votes.members[0], color=MUTED, linestyle="--", linewidth=1)
    ticks = (
        [wrapped(_METHODS[method], 12) for method in ensemble.methods]
        if alone
        else [f"{100 * share:g}%" for share in shares]
    )
    axes.set_xticks(range(len(ticks)), ticks)
    axes.set_xlim(-0.5, len(ticks) - 0.5)
    axes.set_xlabel("" if alone else "best share of the pool")
    axes.set_ylabel(f"{ensemble.split} accuracy")
    as_percentages(axes)
    handles = [
        Line2D([], [], color=colour_of(n), marker=marker_of(n))
        for n in range(len(ensemble.methods))
    ]
    handles.append(Line2D([], [], color=MUTED, linestyle="--"))
    labels = [*(_METHODS[m] for m in ensemble.methods), "first model alone"]
    if said:
        handles, labels = [*handles, published_handle()], [*labels, "published"]
    add_legend(canvas, handles, labels, narrow)
    return canvas


def _draw_curve(votes: Votes, narrow: bool) -> Canvas:
    canvas = new_figure(narrow, 3.6 if narrow else 3.9)
    axes = canvas.add_subplot()
    plot_vote_curve(axes, votes.members, votes.curves)
    axes.set_xlabel("models that vote, best first", color=INK)
    handles, labels = axes.get_legend_handles_labels()
    add_legend(canvas, handles, labels, narrow)
    return canvas
