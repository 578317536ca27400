"""The service's page in a real browser."""

import pytest
from served import command

from alambique.inference.predict import predict
from browser import TOO_WIDE

TEXT = "superb lamp door superb kettle superb 7"


@pytest.fixture(scope="module")
def service(exported):
    with command(exported[0]) as (_, client):
        yield client


def shown(browser):
    rows = """[...document.querySelectorAll("tbody tr")].map(row => [row.querySelector("th").textContent,
        ...[...row.querySelectorAll("td")].map(cell => cell.textContent)])"""
    return {label: figures for label, *figures in browser.value(rows)}


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), pytest.param(1440, "light", marks=pytest.mark.slow)])
def test_student_and_teacher_side_by_side(browser, service, exported, width, scheme):
    browser.open(f"http://127.0.0.1:{service.port}/", width, scheme)
    browser.wait("document.getElementById('about').textContent.includes('teacher')")
    browser.value("document.getElementById('first').focus()")
    browser.ask("Input.insertText", text=TEXT)
    browser.key("Enter", modifiers=2)
    browser.wait("document.querySelectorAll('table.two').length === 1")
    student = next(iter(predict(exported[0], [[TEXT]])))
    teacher = service.predict({"text": TEXT, "model": "teacher"})[2]
    assert shown(browser) == {
        name: [f"{100 * model['scores'][name]:.1f}%" for model in (student, teacher)] for name in student["scores"]
    }
    assert browser.value("document.getElementById('said').innerText.split('\\n').filter(line => line.trim())") == [
        f"{title}: {model['label']}, {100 * model['probability']:.1f}%"
        for title, model in (("Student", student), ("Teacher", teacher))
    ]
    times = browser.value("[...document.querySelectorAll('#times dd')].map(one => one.textContent)")
    assert len(times) == 2
    assert all(" ms in the model, " in one and one.endswith(" ms with the request") for one in times)
    assert browser.value("document.documentElement.scrollWidth") <= width
    assert browser.value(TOO_WIDE) == []
    asked = {event["request"]["url"].split("?")[0] for event in browser.seen("Network.requestWillBeSent")}
    own = f"http://127.0.0.1:{service.port}/"
    files = {own, *(f"{own}{name}" for name in ("style.css", "serve.js", "bars.js", "healthz", "predict"))}
    assert {url for url in asked if not url.startswith("data:")} == files
    assert browser.seen("Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded") == []


def test_bars_are_as_wide_as_the_probabilities(browser, service):
    browser.open(f"http://127.0.0.1:{service.port}/", 1440)
    browser.value("document.getElementById('first').value = 'plain door'")
    browser.value("document.getElementById('send').click()")
    browser.wait("document.querySelectorAll('table.two').length === 1")
    scores = service.predict({"text": "plain door"})[2]["scores"]
    shares = browser.value("""[...document.querySelectorAll("td.student .fill")].map(bar =>
        bar.getBoundingClientRect().width / bar.parentElement.getBoundingClientRect().width)""")
    assert shares == pytest.approx(list(scores.values()), abs=0.01)


def test_a_problem_is_told_in_words(browser, service):
    browser.open(f"http://127.0.0.1:{service.port}/", 390)
    browser.value("document.getElementById('first').value = 'x'.repeat(9000)")
    browser.value("document.getElementById('form').requestSubmit()")
    browser.wait("!document.getElementById('problem').hidden")
    assert (
        browser.value("document.getElementById('problem').textContent")
        == "text has 9,000 characters; at most 8,192 are taken."
    )
    assert browser.value("document.getElementById('send').getAttribute('aria-disabled')") is None
