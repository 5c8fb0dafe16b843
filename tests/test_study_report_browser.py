"""A report in a browser: wide, narrow and dark, without errors, broken pictures or cut off text.

Chromium opens a copy of the page with a script at its end that measures the page, and prints it.
"""

from __future__ import annotations

import html
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="Chromium is not installed")

WIDTHS = (360, 800, 1600)
MEASURE = """
const told = element => `${element.tagName} ${element.textContent.trim().slice(0, 60)}`;
const shown = element => element.getClientRects().length > 0;
addEventListener('load', () => {
  document.querySelectorAll('details').forEach(each => { each.open = true; });
  const all = [...document.querySelectorAll('body *')].filter(each => !each.closest('svg'));
  const boxes = all.filter(each => shown(each) && !each.closest('.scroll table'));
  const wide = boxes.filter(each => each.getBoundingClientRect().right > innerWidth + 1);
  // A scroll box alone may hold more than it shows.
  const cut = all.filter(each => shown(each) && !each.matches('.scroll')
    && each.clientWidth > 0 && each.scrollWidth > each.clientWidth + 1);
  const broken = [...document.images].filter(each => !each.complete || each.naturalWidth === 0);
  const outside = [], overlapping = [];
  const pictures = [...document.querySelectorAll('figure svg')].filter(shown);
  for (const picture of pictures) {
    const name = picture.parentElement.getAttribute('aria-label');
    const edge = picture.getBoundingClientRect();
    const texts = [...picture.querySelectorAll('g[id*="-text_"]')]
      .map(each => [each.id, each.getBoundingClientRect()]).filter(([, box]) => box.width > 0);
    for (const [id, box] of texts) {
      if (box.left < edge.left - 1 || box.right > edge.right + 1
          || box.top < edge.top - 1 || box.bottom > edge.bottom + 1) outside.push(`${name}: ${id}`);
    }
    texts.forEach(([id, a], i) => texts.slice(i + 1).forEach(([other, b]) => {
      if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1
          && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1)
        overlapping.push(`${name}: ${id}, ${other}`);
    }));
  }
  const colour = getComputedStyle(document.body);
  document.documentElement.dataset.measured = JSON.stringify({
    width: innerWidth,
    pageWidth: document.documentElement.scrollWidth,
    pictures: pictures.length,
    wide: wide.map(told), cut: cut.map(told), broken: broken.map(each => each.alt),
    outside, overlapping, ink: colour.color, paper: colour.backgroundColor,
    smallest: Math.min(...pictures.map(each =>
      each.getBoundingClientRect().width / each.viewBox.baseVal.width)),
  });
});
"""


def open_page(page: Path, width: int, *flags: str) -> tuple[dict[str, Any], str]:
    """Return what the script measures in a frame of a width, and what the browser complains of."""
    folder = page.parent.parent  # not among the files of the report
    text = page.read_text("utf-8")
    assert text.count("</body>") == 1
    framed = text.replace("</body>", f"<script>{MEASURE}</script></body>")
    # A window cannot be as narrow as a phone, a frame can.
    outer = folder / f"frame-{width}.html"
    outer.write_text(
        f'<iframe style="width: {width}px; height: 900px; border: 0" '
        f'srcdoc="{html.escape(framed)}"></iframe>'
        "<script>addEventListener('load', () => { document.body.dataset.found = "
        "frames[0].document.documentElement.dataset.measured; });</script>",
        "utf-8",
    )
    assert BROWSER is not None
    done = subprocess.run(
        [
            BROWSER,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--virtual-time-budget=10000",
            f"--user-data-dir={folder / 'profile'}",
            f"--window-size={max(width, 500) + 40},1000",
            *flags,
            "--dump-dom",
            outer.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
        env={**os.environ, "HOME": str(folder)},
    )
    found = re.search(r'data-found="([^"]*)"', done.stdout)
    assert found, done.stderr[-2000:]
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return json.loads(html.unescape(found[1])), console


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_broken_or_cut_off(study_page: Path, width: int) -> None:
    found, console = open_page(study_page, width)
    assert console == ""
    assert found["width"] == width and found["pageWidth"] <= width
    assert found["pictures"] >= 12
    for what in ("wide", "cut", "broken", "outside", "overlapping"):
        assert found[what] == [], what
    assert found["smallest"] * 9 >= 10  # pixels of letters of 9 points, on a phone too


def test_the_page_is_dark_where_readers_want_it(study_page: Path) -> None:
    def brightness(colour: str) -> float:
        return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3

    light, _ = open_page(study_page, 800, "--blink-settings=preferredColorScheme=1")
    dark, _ = open_page(study_page, 800, "--blink-settings=preferredColorScheme=0")
    assert brightness(light["ink"]) < 60 and brightness(light["paper"]) > 220
    assert brightness(dark["ink"]) > 220 and brightness(dark["paper"]) < 60
