"""The report as one HTML page that needs no network and no script."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2
import numpy as np
from PIL import Image

from warpmix.figures.drawing import displayable
from warpmix.study.report.drawing import Rendered
from warpmix.study.report.overview import facts_of, warnings_of
from warpmix.study.report.parts import Section
from warpmix.study.report.selecting import Study

_LARGEST = 192  # pixels of a gallery's image; larger ones are made smaller


def make_page(study: Study, sections: Sequence[Section], rendered: Mapping[str, Rendered]) -> str:
    """Return the page; ``rendered`` holds its pictures by their names."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("warpmix.study.report", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_url"] = data_url
    style = environment.loader.get_source(environment, "page.css")[0]  # type: ignore[union-attr]
    return environment.get_template("page.html").render(
        recipe=study.recipe,
        facts=facts_of(study),
        warnings=warnings_of(study),
        sections=sections,
        rendered=rendered,
        style=style,
    )


def thumbnail(image: np.ndarray) -> Image.Image:
    """Return an image uint8 [H, W, C] for display, small enough for a gallery."""
    made = Image.fromarray(displayable(image))
    if max(made.size) > _LARGEST:
        made.thumbnail((_LARGEST, _LARGEST))
    return made


def data_url(image: Any) -> str:
    """Return an image uint8 [H, W, C] as a PNG within the page."""
    buffer = io.BytesIO()
    thumbnail(image).save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
