"""A static student in the visitor's browser: the answers of PyTorch and numpy."""

import json

import numpy as np
import pytest
from web_host import CLOSED, hosted

from alambique import Recipe, distill
from alambique.commands import export
from alambique.export.web import bundle
from alambique.export.web.npm import NpmError, fetch
from alambique.inference.classifier import open_classifier
from browser import CHROMIUM, Browser
from conftest import rows

TEXTS = [row["text"] for row in rows(20, 9)] + [
    "",
    "a",
    "SUPERB Lámp DOOR",
    "superb lamp " * 200,
    "[SEP] x",
    "\x07 lamp",
]


@pytest.fixture
def page(tiny_recipe, tmp_path):
    """The run of a static student with ``web/``."""
    if CHROMIUM is None:
        pytest.skip("no chromium")
    try:
        for package in bundle.LIBRARY:
            fetch(package)
    except NpmError as error:
        pytest.skip(f"the packages cannot be had: {error}")
    static = {"width": 8, "n_grams": 2, "buckets": 32, "head": 4}
    section = {"from_scratch": None, "static": static, "epochs": 3, "learning_rate": 2e-2}
    distill(Recipe.from_dict(tiny_recipe(student=section)), tmp_path / "run")
    export(tmp_path / "run", ["web"])
    return tmp_path / "run"


def test_the_page_answers_as_numpy_and_pytorch_do(page, tmp_path):
    browser = Browser(tmp_path / "chromium", *CLOSED)
    try:
        with hosted(page / "web") as address:
            browser.open(address, 390)
            browser.wait("!document.getElementById('send').hasAttribute('aria-disabled')")
            answers = browser.value(
                f"""import("./web.js").then(({{ started }}) => started).then(async ({{ classify }}) => {{
                const answers = [];
                for (const text of {json.dumps(TEXTS)}) answers.push(await classify(text, ""));
                return answers; }})"""
            )
    finally:
        browser.close()
    there = np.array([list(answer["scores"].values()) for answer in answers])
    for name in ("numpy", "torch", "int8"):
        here = open_classifier(page, name).probabilities([(text,) for text in TEXTS])
        assert np.abs(here - there).max() < 1e-4, name
    assert there.std(0).max() > 0.01  # texts differ
