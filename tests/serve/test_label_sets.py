"""The service where a text has any number of labels, and where a class has a threshold of its own."""

import numpy as np
from served import serving

from alambique.evaluation.multi_label import MULTI_LABEL
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.inference.classifier import Classifier

NAMES, PAIRS = ("zero", "one", "two"), False


def several():
    """Each label has the probability that its place in the text says, in tenths."""

    def logits(segments):
        p = np.array([[int(digit) / 10 for digit in text] for (text,) in segments])
        return MULTI_LABEL.logits_of(p).astype(np.float32)

    thresholds = np.array([0.5, 0.15, 0.85])
    return Classifier("int8", NAMES, PAIRS, 24, logits, lambda: 2.0, MULTI_LABEL, "", lambda: thresholds)


def test_labels_above_their_thresholds_and_all_scores():
    with serving(several()) as client:
        status, _, answer = client.predict({"texts": ["628", "119", "499"]})
        calibrated = client.predict({"texts": ["628", "119", "499"], "calibrated": True})[2]
        ranked = client.predict({"inputs": "628"})[2]
        schema = client("GET", "/openapi.json")[2]
    assert status == 200
    predictions = answer["predictions"]
    assert [each["labels"] for each in predictions] == [["zero", "one"], ["two"], ["one", "two"]]
    assert [each["labels"] for each in calibrated["predictions"]] == [["zero", "one"], ["two"], ["one", "two"]]
    assert [round(score, 3) for score in predictions[0]["scores"].values()] == [0.6, 0.2, 0.8]
    assert [each["label"] for each in ranked] == ["two", "zero", "one"]
    content = schema["paths"]["/predict"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert content["oneOf"][0]["required"] == ["labels", "scores"]


def test_a_class_with_a_threshold():
    def logits(segments):
        return np.log(np.array([[int(digit) / 10 for digit in text] for (text,) in segments]))

    thresholds = np.array([np.nan, 0.4, np.nan])
    model = Classifier("int8", NAMES, PAIRS, 24, logits, lambda: 9.0, SINGLE_LABEL, "", lambda: thresholds)
    with serving(model) as client:
        plain, calibrated = (
            client.predict({"texts": ["541", "631", "145"], "calibrated": choice})[2]["predictions"]
            for choice in (False, True)
        )
    assert [each["label"] for each in plain] == ["one", "zero", "one"]
    assert [each["label"] for each in calibrated] == ["one", "zero", "one"]
    assert plain[0]["probability"] == plain[0]["scores"]["one"]
    assert calibrated[0]["probability"] < 0.4


def test_the_page_shows_the_labels_that_are_given(browser):
    with serving(several()) as client:
        browser.open(f"http://127.0.0.1:{client.port}/", 1000)
        browser.value("document.getElementById('first').value = '628'")
        browser.value("document.getElementById('send').click()")
        browser.wait("document.querySelectorAll('tbody tr').length === 3")
        said = browser.value("document.getElementById('said').innerText.trim()")
        best = browser.value("[...document.querySelectorAll('td.best')].length")
        browser.value("document.getElementById('first').value = '000'")
        browser.value("document.getElementById('send').click()")
        browser.wait("document.getElementById('said').innerText.includes('no label')")
    assert said == "zero, 60.0%; one, 20.0%"
    assert best == 2
    assert browser.seen("Runtime.exceptionThrown") == []
