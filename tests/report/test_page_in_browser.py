"""The page in a real browser, spoken to over a pipe: nothing overflows, nothing complains, nothing leaves the file."""

import base64
import json
import os
import select
import shutil
import subprocess
import time

import pytest
from test_page import hostile

from alambique.report.page import html_page

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium")
PATIENCE = 90  # seconds; a busy machine starts slowly
TOO_WIDE = """[...document.querySelectorAll("body *")].filter(one => !one.closest(".scroll, pre, svg")
  && one.getBoundingClientRect().right > innerWidth + 0.5).map(one => one.outerHTML.slice(0, 120))"""


class Browser:
    """A headless Chromium and its one tab, by the DevTools protocol over file descriptors 3 and 4."""

    def __init__(self, folder):
        self.events, self.count, self.left = [], 0, b""
        reads, self.to = os.pipe()
        self.back, writes = os.pipe()

        def wire():  # in the child; copies first, for a pipe may itself be 3 or 4
            ends = os.dup(reads), os.dup(writes)
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen(
            [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
             f"--user-data-dir={folder}", "--remote-debugging-pipe", "about:blank"],
            close_fds=False, preexec_fn=wire,  # noqa: PLW1509 - no thread here
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(reads)
        os.close(writes)
        self.session = None
        pages = [one for one in self.ask("Target.getTargets")["targetInfos"] if one["type"] == "page"]
        target = pages[0]["targetId"] if pages else self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method, **params):
        self.count += 1
        message = {"id": self.count, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.to, json.dumps(message).encode() + b"\0")
        while (answer := self._next()).get("id") != self.count:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self.left:
            ready, _, _ = select.select([self.back], [], [], max(0, end - time.monotonic()))
            assert ready, "the browser is silent"
            found = os.read(self.back, 1 << 20)
            assert found, "the browser has gone"
            self.left += found
        message, self.left = self.left.split(b"\0", 1)
        return json.loads(message)

    def open(self, path, width, scheme="light"):
        self.events.clear()
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
        self.ask("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=path.as_uri())
        while not any(event["method"] == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def value(self, expression):
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"].get("value")

    def picture(self, path):
        shot = self.ask("Page.captureScreenshot", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def seen(self, *methods):
        return [event["params"] for event in self.events if event["method"] in methods]

    def close(self):
        os.close(self.to)
        os.close(self.back)
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Browser(tmp_path_factory.mktemp("chromium"))
    yield opened
    opened.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_hostile_page_fits_and_is_silent(browser, tmp_path, width, scheme):
    path = tmp_path / "report.html"
    path.write_text(html_page(*hostile()), "utf-8")
    browser.open(path, width, scheme)
    assert browser.value("innerWidth") == width
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(TOO_WIDE) == []
    assert browser.value("document.querySelectorAll('svg.picture').length") == 9
    assert browser.value("window.attacked") is None
    assert "<script>window.attacked" in browser.value("document.querySelector('.rows p').textContent")
    assert browser.seen("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded") == []
    asked = {event["request"]["url"] for event in browser.seen("Network.requestWillBeSent")}
    assert {url for url in asked if not url.startswith("data:")} == {path.as_uri()}


def test_copy_buttons_stand_beside_each_code(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(html_page(*hostile()), "utf-8")
    browser.open(path, 1440)
    assert browser.value("document.querySelectorAll('.code > button').length") == 4
    assert browser.value("document.querySelectorAll('.code > pre').length") == 4


def test_ids_are_unique_and_references_resolve(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(html_page(*hostile()), "utf-8")
    browser.open(path, 1440)
    assert (
        browser.value("(all => all.length - new Set(all).size)([...document.querySelectorAll('[id]')].map(x => x.id))")
        == 0
    )
    lost = "[...document.querySelectorAll('use')].filter(x => !document.querySelector(x.getAttribute('href'))).length"
    assert browser.value(lost) == 0


def test_paper_is_light_and_nothing_is_cut(browser, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(html_page(*hostile()), "utf-8")
    browser.open(path, 700)  # A4 between its margins
    browser.ask(
        "Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}]
    )
    assert browser.value("document.documentElement.scrollWidth") <= 700
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.value("getComputedStyle(document.body).color") == "rgb(35, 33, 30)"
    assert browser.value("getComputedStyle(document.querySelector('.code button')).display") == "none"
