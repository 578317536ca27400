"""Every mistake of the corpus: one message, exit 2, nothing written, nothing run.

``messages.yaml`` holds the whole message of each. After a change of words, write it anew and read what differs:
``pytest tests/corpus --write-messages``.
"""

import os
import re
from pathlib import Path

import commands
import parquet
import pytest
import recipes
import settings
import tables
import yaml
from case import make, snapshot

import models
from alambique.progress import quiet_libraries

MESSAGES = Path(__file__).with_name("messages.yaml")
GROUPS = (recipes, settings, commands, tables, parquet, models)
CASES = {f"{group.__name__}/{name}": case for group in GROUPS for name, case in group.CASES.items()}
PROGRESS = re.compile(r"\d\d:\d\d:\d\d ")
NUL = "stat: embedded null character in path"  # Python 3.13's words for what 3.11 calls an embedded null byte
SHORTENED = re.compile(r"(.)\1{60,} … \(\d+ characters\) … \1{60,}")  # how much is shown depends on the folder's name


@pytest.fixture(scope="session")
def messages(request):
    known = yaml.safe_load(MESSAGES.read_text("utf-8")) if MESSAGES.is_file() else {}
    yield known
    if request.config.getoption("--write-messages"):
        text = yaml.safe_dump(dict(sorted(known.items())), allow_unicode=True, width=10**6)
        MESSAGES.write_text(text, "utf-8")


@pytest.mark.parametrize("name", CASES)
def test_a_mistake_is_one_message_and_nothing_else(run, tmp_path, messages, request, name):
    case = CASES[name]
    folder = tmp_path / "here"
    folder.mkdir()
    with quiet_libraries():
        make(case.files, folder)
    before = snapshot(folder)
    os.chdir(folder)  # `run` goes back
    status, out, err = run(*case.command)
    assert (status, out) == (2, "")
    assert snapshot(folder) == before
    assert not [line for line in err.splitlines() if not line.isprintable()]
    assert max(map(len, err.splitlines())) < 1000
    said = [line for line in err.splitlines() if not PROGRESS.match(line)]
    text = "\n".join(said).replace(str(folder), "{here}").replace(NUL, "embedded null byte")
    message = SHORTENED.sub(r"\1…\1", text)
    if request.config.getoption("--write-messages"):
        messages[name] = message
    assert message.startswith(("alambique: ", "Error: ", "Usage: "))
    assert message.count("alambique: ") <= 1
    assert message == messages[name]


def test_the_messages_are_of_these_cases(messages):
    assert set(messages) == set(CASES)
    assert len(CASES) >= 500
