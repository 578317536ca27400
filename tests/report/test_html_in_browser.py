"""The page in a real browser: nothing overflows, nothing complains, nothing leaves the file."""

import pytest
from report_samples import hostile

from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.report.html import html_page
from browser import TOO_WIDE

pytestmark = pytest.mark.usefixtures("drawn_figures")


@pytest.mark.parametrize(
    ("width", "scheme"),
    [
        (390, "dark"), (1440, "light"),
        *(pytest.param(*page, marks=pytest.mark.slow) for page in ((390, "light"), (1440, "dark"))),
    ],
)  # fmt: skip
def test_hostile_page_fits_and_is_silent(browser, tmp_path, width, scheme):
    path = tmp_path / "report.html"
    path.write_text(html_page(*hostile(), SINGLE_LABEL), "utf-8")
    browser.open(path.as_uri(), width, scheme)
    assert browser.value("innerWidth") == width
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(TOO_WIDE) == []
    assert browser.value("document.querySelectorAll('svg.picture').length") == 9
    assert browser.value("window.attacked") is None
    assert "<script>window.attacked" in browser.value("document.querySelector('.rows p').textContent")
    assert browser.seen("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded") == []
    asked = {event["request"]["url"] for event in browser.seen("Network.requestWillBeSent")}
    assert {url for url in asked if not url.startswith("data:")} == {path.as_uri()}


@pytest.mark.parametrize("width", [390, pytest.param(1440, marks=pytest.mark.slow)])
def test_cells_of_the_exported_files_stay_readable(browser, tmp_path, width):
    path = tmp_path / "report.html"
    path.write_text(html_page(*hostile(), SINGLE_LABEL), "utf-8")
    browser.open(path.as_uri(), width)
    cells = "[...document.querySelectorAll('.exports td')]"
    lines = f"{cells}.map(cell => Math.floor(cell.clientHeight / parseFloat(getComputedStyle(cell).lineHeight)))"
    assert max(browser.value(lines)) <= 3
    assert browser.value(f"{cells}[0].textContent") == "onnx/model_int8.onnx"


def test_copy_buttons_stand_beside_each_code(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(html_page(*hostile(), SINGLE_LABEL), "utf-8")
    browser.open(path.as_uri(), 1440)
    assert browser.value("document.querySelectorAll('.code > button').length") == 4
    assert browser.value("document.querySelectorAll('.code > pre').length") == 4


def test_ids_are_unique_and_references_resolve(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(html_page(*hostile(), SINGLE_LABEL), "utf-8")
    browser.open(path.as_uri(), 1440)
    assert (
        browser.value("(all => all.length - new Set(all).size)([...document.querySelectorAll('[id]')].map(x => x.id))")
        == 0
    )
    lost = "[...document.querySelectorAll('use')].filter(x => !document.querySelector(x.getAttribute('href'))).length"
    assert browser.value(lost) == 0


def test_paper_is_light_and_nothing_is_cut(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(html_page(*hostile(), SINGLE_LABEL), "utf-8")
    browser.open(path.as_uri(), 700)  # A4 between its margins
    browser.ask(
        "Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    assert browser.value("document.documentElement.scrollWidth") <= 700
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.value("getComputedStyle(document.body).color") == "rgb(35, 33, 30)"
    assert browser.value("getComputedStyle(document.querySelector('.code button')).display") == "none"
