"""The README in Portuguese says what the one in English says: same commands, same figures."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ENGLISH, PORTUGUESE = "README.md", "README.pt-BR.md"
TEXTS = {name: (ROOT / name).read_text("utf-8") for name in (ENGLISH, PORTUGUESE)}
FENCED = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)]+)\)")


def code_blocks(text):
    return FENCED.findall(text)


def prose(text):
    """Without code blocks, and without the line that leads to the other language."""
    lines = FENCED.sub("", text).splitlines()
    return "\n".join(line for line in lines if not {ENGLISH, PORTUGUESE} & set(LINK.findall(line)))


def numbers(text):
    """The digits of each number: the two languages differ in points and commas."""
    return [re.sub(r"[.,]", "", found) for found in re.findall(r"\d+(?:[.,]\d+)*", text)]


def table_rows(text):
    return [line for line in prose(text).splitlines() if line.startswith("|")]


def headings(text):
    return [len(found) for found in re.findall(r"^(#+) ", prose(text), re.MULTILINE)]


@pytest.mark.parametrize(
    "part",
    [
        code_blocks,
        headings,
        lambda text: [re.findall(r"\d[\d.,]*\d|\d", row) for row in table_rows(text)],
        lambda text: Counter(numbers(prose(text))),
        lambda text: LINK.findall(prose(text)),
        lambda text: Counter(re.findall(r"`([^`]+)`", prose(text))),
    ],
    ids=["code blocks", "headings", "figures in tables", "numbers", "links", "names in code"],
)
def test_both_readmes_have_the_same(part):
    english, portuguese = (part(TEXTS[name]) for name in (ENGLISH, PORTUGUESE))
    assert english
    assert portuguese == english, f"{ENGLISH} and {PORTUGUESE} must be changed together"


def test_its_first_line_leads_to_the_english_one():
    title, _, first = TEXTS[PORTUGUESE].splitlines()[:3]
    assert title == TEXTS[ENGLISH].splitlines()[0]
    assert LINK.findall(first) == [ENGLISH]


@pytest.mark.parametrize("name", [ENGLISH, PORTUGUESE])
def test_links_to_files_lead_somewhere(name):
    targets = [link.split("#")[0] for link in LINK.findall(TEXTS[name]) if "://" not in link]
    assert all((ROOT / target).exists() for target in targets if target)
