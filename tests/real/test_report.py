"""The report in a real browser: nothing overflows, the console is empty, every picture is drawn, all is legible."""

from pathlib import Path
from typing import Any

import pytest

from flows.report import charts
from flows.report import html as report
from tasks.store.home import Home
from tests.real.test_export import ledger_of, two_iterations

SIZES = [(width, scheme) for width in (1280, 390) for scheme in ("light", "dark")]
# Every text with its own colour against the first background behind it that is not transparent (WCAG 2.2).
CONTRAST = """
const channel = c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
const parts = text => text.match(/[\\d.]+/g).map(Number);
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), low = [];
while (walker.nextNode()) {
  const text = walker.currentNode.textContent.trim(), at = walker.currentNode.parentElement;
  if (!text || ["STYLE", "TITLE", "SCRIPT"].includes(at.tagName.toUpperCase())) continue;
  const style = getComputedStyle(at), ink = parts(at instanceof SVGElement ? style.fill : style.color);
  let behind = at, page = [255, 255, 255, 0];
  while (behind && (page.length == 4 && page[3] == 0)) {
    page = parts(getComputedStyle(behind).backgroundColor); behind = behind.parentElement;
  }
  const [a, b] = [light(ink), light(page)].sort((x, y) => y - x), ratio = (a + 0.05) / (b + 0.05);
  if (ratio < 4.5) low.push([text.slice(0, 40), ratio, ink.join(), page.join()]);
}
return low;
"""
PICTURES = """
return [...document.querySelectorAll("svg")].map(svg => {
  const box = svg.getBoundingClientRect();
  return [box.width, box.height, svg.querySelectorAll("path, use, text").length];
});
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of an evolution whose second iteration was promoted."""
    home = Home(tmp_path_factory.mktemp("report"))
    ledger = ledger_of(*two_iterations(home)).model_copy(update={"name": "looked <b>at"})
    report.write(home, ledger, 2, home.root / "report.html")
    return home.root / "report.html"


@pytest.fixture(params=SIZES, ids=lambda size: f"{size[0]} {size[1]}")
def shown(request: pytest.FixtureRequest, browser: Any, page: Path) -> Any:
    width, scheme = request.param
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}  # which would widen the page
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    media = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    browser.get(page.as_uri())
    return browser


def test_nothing_is_wider_than_the_page(shown: Any) -> None:
    wide, window = shown.execute_script(
        "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert wide <= window


def test_the_console_stays_empty(shown: Any) -> None:
    assert shown.get_log("browser") == []


def test_every_picture_is_drawn(shown: Any) -> None:
    pictures = shown.execute_script(PICTURES)
    assert len(pictures) >= 8
    assert all(width > 300 and height > 40 and parts > 5 for width, height, parts in pictures), pictures


def test_every_text_stands_out_from_what_is_behind_it(shown: Any) -> None:
    assert shown.execute_script(CONTRAST) == []


def test_it_needs_no_network_and_no_script(page: Path) -> None:
    text = page.read_text()
    assert not [found for found in ("<script", "<link", "@import", "src=", "url(http") if found in text]


def test_what_others_wrote_is_text_and_no_markup(page: Path) -> None:
    text = page.read_text()
    assert "looked &lt;b&gt;at" in text and "looked <b>at" not in text
    picture = charts.bars({"<b>": 1.0}, "<i>")
    assert "<b>" not in picture and "<i>" not in picture


def test_an_iteration_that_is_done_is_rendered_once(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(page.parent)
    ledger = ledger_of(*two_iterations(home)).model_copy(update={"name": "looked <b>at"})
    again = page.with_name("again.html")
    with monkeypatch.context() as rendered:
        rendered.setattr(report, "_shown", lambda *_: pytest.fail("it was rendered once more"))
        report.write(home, ledger, 2, again)
    assert again.read_text() == page.read_text()
    monkeypatch.setattr("flows.report.pages.version", lambda: "another one")
    report.write(home, ledger, 2, again)
    assert again.read_text() == page.read_text() and len(list((home.caches / "report").iterdir())) == 4


def test_a_chart_has_its_ink_from_the_page_and_says_what_it_shows() -> None:
    picture = charts.bars({"margin": 3.0}, "rows")
    assert "currentColor" in picture and charts.INK not in picture
    assert 'aria-label="rows: margin 3"' in picture
