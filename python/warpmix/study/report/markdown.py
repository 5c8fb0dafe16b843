"""The report as Markdown, with its pictures as files beside it."""

from __future__ import annotations

from collections.abc import Sequence

from warpmix.study.report.overview import facts_of, warnings_of
from warpmix.study.report.parts import Section, Table
from warpmix.study.report.selecting import Study

_SHOWN = 40  # rows; of longer tables the file is named


def make_markdown(study: Study, sections: Sequence[Section]) -> str:
    """Return the page's contents as Markdown."""
    recipe = study.recipe
    parts = [f"# {recipe.title}"]
    if recipe.about:
        parts.append(recipe.about)
    parts += [f"> **Note:** {text}" for text in warnings_of(study)]
    parts.append("\n".join(f"- {name}: {text}" for name, text in facts_of(study)))
    for section in sections:
        parts.append(f"## {section.heading}")
        parts += section.paragraphs
        if section.bullets:
            parts.append("\n".join(f"- {bullet}" for bullet in section.bullets))
        parts += [f"![{picture.alt}]({picture.name}.png)" for picture in section.pictures]
        if section.galleries:
            parts.append(f"![{section.title}]({section.anchor}.png)")
        for table in section.tables:
            parts += _table(table)
        parts += [f"*{note}*" for note in section.notes]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> list[str]:
    parts = [f"**{table.title}**"] if table.title else []
    if len(table.rows) <= _SHOWN:
        rule = [("--:" if column.numeric else "---") for column in table.columns]
        rows = [[column.title for column in table.columns], rule, *table.cells]
        parts.append("\n".join(f"| {' | '.join(map(_escaped, row))} |" for row in rows))
    parts.append(f"[{table.name}.csv]({table.name}.csv), {len(table.rows):,} rows")
    return parts


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|").replace("\n", " ")
