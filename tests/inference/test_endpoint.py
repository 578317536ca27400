"""A service as teacher: a whole run against a stand-in of its HTTP interface, killed, resumed, changed and refused."""

import json
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from stand_in import completion, text_of

from alambique import Recipe, distill
from alambique.artefacts.answers import answer_facts, read_answers
from alambique.artefacts.splits import read_splits
from alambique.commands import rewrite_report
from alambique.doctor.diagnose import diagnose
from alambique.doctor.render import as_text
from alambique.errors import ModelError, RecipeError, ServiceError
from alambique.inference import chat
from alambique.inference.endpoint import FromEndpoint, scored
from alambique.inference.kept_answers import KeptAnswers
from alambique.inference.label_scores import Reply
from alambique.pipeline import label
from alambique.report.model_card import model_card
from alambique.report.schema import Report
from alambique.report.teacher_notes import teacher_notes
from alambique.run.folder import RunFolder
from conftest import LABELS, WORDS, Stages, rows, write_jsonl

SCRATCH = {"layers": 1, "width": 16, "heads": 2, "vocabulary": 300}
KEY = "sk-a-secret-key"


@pytest.fixture(autouse=True)
def _fresh(server, monkeypatch):
    server.reset(by_tokens)
    monkeypatch.setattr(chat, "FIRST_WAIT_S", 0.002)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


def said(body):
    return next(label for label in LABELS if text_of(body).split()[0] in WORDS[label])


def by_tokens(body):
    right = said(body)
    others = {label: 0.1 for label in LABELS if label != right}
    return 200, {}, completion(right, [{right: 0.8, **others}])


def by_words(body):
    return (400, {}, b"no logprobs") if "logprobs" in body else (200, {}, completion(json.dumps({"label": said(body)})))


@pytest.fixture
def recipe(tiny_recipe, server, tmp_path):
    """Build the tiny recipe with a service for a teacher."""

    folder = tmp_path / "few"
    folder.mkdir()
    train, valid, test = (rows(count, seed) for count, seed in ((60, 1), (30, 2), (20, 3)))
    write_jsonl(folder / "train.jsonl", train)
    write_jsonl(
        folder / "valid.jsonl", [*valid, {"text": train[0]["text"], "label": "bad"}]
    )  # a text that is there twice
    write_jsonl(folder / "test.jsonl", test)

    def build(*, teacher=None, **keys):
        raw = tiny_recipe(data={"source": str(folder)})
        settings = {"url": server.url, "model": "m", "timeout": 5.0, "concurrency": 4, **keys}
        raw["teacher"] = {"endpoint": settings, **(teacher or {})}
        raw["student"]["from_scratch"] = SCRATCH
        return raw

    return lambda **keys: Recipe.from_dict(build(**keys))


def test_a_service_teaches_a_student(recipe, server, tmp_path):
    run, stages = tmp_path / "run", Stages()
    report = distill(recipe(), run, reporter=stages)
    assert stages.begun.count("asking the teacher") == 1
    texts = {row[0] for split in read_splits(run / "data") for row in split.segments()}
    assert sorted(server.texts) == sorted(texts)
    assert set(server.keys) == {f"Bearer {KEY}"}
    splits = read_splits(run / "data")
    logits = read_answers(run / "teacher", splits.valid)
    assert np.sort(np.exp(logits), axis=1) == pytest.approx(np.array([[0.1, 0.1, 0.8]] * 31), abs=1e-6)
    teacher = report["models"]["teacher"]
    assert (teacher["parameters"], teacher["bytes"], teacher["latency_ms"]) == (None,) * 3
    right = logits.argmax(1) == splits.valid.labels
    assert teacher["valid"]["accuracy"]["mean"] == pytest.approx(right.mean())
    assert report["data"]["notes"] == [
        "The teacher is the model m of a service: its size and its latency are not known, and whether it was trained on "
        "rows of valid or test is not known either."
    ]
    assert answer_facts(run / "teacher") == {
        "parameters": None, "model": "m", "by_tokens": 111, "by_words": 0, "unusable": 0, "confidence": None,
    }  # fmt: skip
    hub = model_card(Report.model_validate(report), name="me/student")
    assert "url: https://HOST/v1" in hub
    assert server.url not in hub
    assert not [file for file in run.rglob("*") if file.is_file() and KEY.encode() in file.read_bytes()]
    again = Stages()
    label(recipe(concurrency=1, retries=0, max_requests=1, timeout=1.0), run, reporter=again)
    assert again.begun == []
    assert rewrite_report(run).teacher.parameters is None


def test_other_instructions_are_asked_anew_and_the_first_ones_are_still_there(recipe, server, tmp_path):
    run = tmp_path / "run"
    label(recipe(), run)
    label(recipe(instructions="What does the text say of the thing?"), run)
    assert len(server.bodies) == 2 * 110
    assert server.bodies[-1]["messages"][0]["content"].startswith(
        "What does the text say of the thing?\n\nAnswer with one"
    )
    label(recipe(), run)
    assert len(server.bodies) == 2 * 110


@pytest.mark.parametrize(("keys", "same"), [
    ({"concurrency": 9}, True), ({"retries": 0}, True), ({"timeout": 9.0}, True), ({"max_requests": 9}, True),
    ({"api_key_env": "MINE"}, True),
    ({"model": "other"}, False), ({"url": "http://other/v1"}, False), ({"instructions": "Which?"}, False),
    ({"top_logprobs": 5}, False),
])  # fmt: skip
def test_what_new_answers_are_asked_for(server, keys, same):
    one, other = FromEndpoint(server.settings(), LABELS), FromEndpoint(server.settings(**keys), LABELS)
    assert (one.key() == other.key()) is same
    assert (one.asked(one.question(("a",))) == other.asked(other.question(("a",)))) is same


def test_answers_in_words_have_the_confidence_that_they_earn_on_valid(recipe, server, tmp_path):
    run = tmp_path / "run"
    server.answer = by_words
    label(recipe(), run)
    facts = answer_facts(run / "teacher")
    assert (facts["by_tokens"], facts["by_words"], facts["unusable"]) == (0, 111, 0)
    valid = read_splits(run / "data").valid
    answers = np.array([LABELS.index(said({"messages": [{"content": "Text:\n" + text}]})) for text in valid.texts])
    overall = ((answers == valid.labels).sum() + 1) / (31 + 3)
    for number, name in enumerate(LABELS):
        given = answers == number
        expected = ((given & (valid.labels == number)).sum() + 3 * overall) / (given.sum() + 3)
        assert facts["confidence"][name] == pytest.approx(expected)
    measured = ", ".join(f"{name} {100 * facts['confidence'][name]:.1f} %" for name in LABELS)
    assert teacher_notes(RunFolder(run), recipe(), LABELS)[1:] == [
        "Its answers to 111 rows have no log-probabilities of labels. Their confidence is the share of such answers that is "
        f"right on valid, smoothed: {measured}."
    ]


def test_a_weak_service_is_refused_and_its_answers_stay(recipe, server, tmp_path):
    train = [json.loads(line)["label"] for line in (tmp_path / "few" / "train.jsonl").read_text().splitlines()]
    frequent = max(LABELS, key=train.count)
    server.answer = lambda body: (200, {}, completion(frequent, [{frequent: 0.9, **dict.fromkeys(LABELS, 0.05)}]))
    with pytest.raises(ModelError) as refused:
        label(recipe(), tmp_path / "run")
    assert str(refused.value).startswith("On valid, the teacher gets macro-F1 ")
    assert str(refused.value).endswith(
        " A student would learn noise from it. Change teacher.endpoint.instructions, or take another model. To go on all "
        "the same: --set teacher.allow_weak=true"
    )
    asked = len(server.bodies)
    assert label(recipe(teacher={"allow_weak": True}), tmp_path / "run")
    assert len(server.bodies) == asked


def stalling(server, enough):
    """Answer 60 questions, and no more."""

    def answer(body):
        if len(server.bodies) > 60:
            enough.set()
            return 30  # until it is killed
        return by_tokens(body)

    return answer


def killed_when(enough, command, log):
    with log.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    while not enough.wait(0.1):
        assert process.poll() is None, log.read_text()
    time.sleep(0.2)  # the last answers are written
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    assert KEY not in log.read_text()


ASK = """
import sys
from pathlib import Path
from alambique.artefacts.splits import read_splits
from alambique.inference.endpoint import FromEndpoint
from alambique.progress import Lines
from alambique.recipe.answering import Endpoint

run, url = Path(sys.argv[1]), sys.argv[2]
splits = read_splits(run / "data")
source = FromEndpoint(Endpoint(url=url, model="m", concurrency=4), splits.label_names)
source.answer(splits, run, Lines(), kept=run / "asked")
"""


def test_what_is_killed_asks_nothing_twice(recipe, server, tmp_path):
    """Killed without warning, with requests under way, as a machine that is taken back."""
    run, enough = tmp_path / "run", threading.Event()
    server.answer = lambda body: (404, {}, b"not yet")
    with pytest.raises(ModelError):
        label(recipe(), run)  # it leaves the rows
    server.bodies, server.answer = [], stalling(server, enough)
    killed_when(enough, [sys.executable, "-c", ASK, str(run), server.url], tmp_path / "log")
    assert len(KeptAnswers(run / "asked").replies) == 60
    under_way = len(server.bodies) - 60
    server.answer = by_tokens
    label(recipe(), run)
    assert len(server.bodies) == 110 + under_way
    assert KeptAnswers(run / "asked").requests == len(server.bodies) + 1  # the one that was answered 404


@pytest.mark.slow
def test_a_killed_run_asks_nothing_twice(recipe, server, tmp_path):
    file, run, enough = tmp_path / "mine.yaml", tmp_path / "run", threading.Event()
    file.write_text(recipe().to_yaml())
    server.answer = stalling(server, enough)
    command = [sys.executable, "-m", "alambique", "label", str(file), "--out", str(run)]
    killed_when(enough, command, tmp_path / "log")
    under_way = len(server.bodies) - 60
    server.answer = by_tokens
    label(Recipe.load(file), run)
    assert len(server.bodies) == 110 + under_way


def test_failures_on_the_way_do_no_harm(recipe, server, tmp_path):
    def answer(body):
        number = len(server.bodies)
        if number % 7 == 0:
            return 429, {"Retry-After": "0.01"}, b"slow down"
        if number % 11 == 0:
            return 500, {}, b"<html>"
        return (200, {}, b"{}") if number % 13 == 0 else by_tokens(body)

    server.answer = answer
    label(recipe(retries=10), tmp_path / "run")
    assert answer_facts(tmp_path / "run" / "teacher")["by_tokens"] == 111


def test_a_budget_that_ends_and_fewer_rows_lose_nothing(recipe, server, tmp_path):
    server.answer = lambda body: (500, {}, b"") if len(server.bodies) == 9 else by_tokens(body)
    with pytest.raises(ServiceError) as ended:
        label(recipe(max_requests=110), tmp_path / "run")
    assert str(ended.value) == (
        "teacher.endpoint.max_requests is 110, and 110 requests were made, those that failed included. 109 of 110 answers "
        "are there and are kept; 1 are missing. Set teacher.endpoint.max_requests to 111 or more, and give the same command "
        "again."
    )
    less = recipe(max_requests=111)
    less = less.model_copy(update={"data": less.data.model_copy(update={"max_rows": 20})})
    label(less, tmp_path / "run")  # another key, the same answers
    assert len(server.bodies) <= 111


def test_seeds_ask_together(recipe, server, tmp_path):
    two = recipe().model_copy(update={"seeds": (0, 1)})
    label(two, tmp_path / "run")
    assert len(server.bodies) == 110


def test_the_doctor_counts_requests_and_asks_nothing(recipe, server, monkeypatch):
    monkeypatch.setattr("alambique.doctor.diagnose._BUDGET", 0.1)
    diagnosis = diagnose(recipe())
    assert (diagnosis.requests.count, diagnosis.requests.rows, diagnosis.requests.most) == (110, 111, None)
    assert (
        "  requests          110 to the teacher, one for each different text of 111 rows, and those that fail; any number "
        "is allowed (teacher.endpoint.max_requests); their time and price are not known\n"
    ) in as_text(diagnosis)
    with pytest.raises(RecipeError) as refused:
        diagnose(recipe(max_requests=109))
    assert str(refused.value) == (
        "teacher.endpoint.max_requests is 109, and 110 requests are needed: one for each different text of the 111 rows. "
        "Set teacher.endpoint.max_requests to 110 or more (requests that fail count too), or take fewer rows."
    )
    assert server.bodies == []


def test_both_segments_are_asked_about(server):
    source = FromEndpoint(server.settings(), LABELS)
    assert source.question(("one", "two"))[0]["content"].endswith("\n\nText:\none\n\ntwo")
    assert source.question(("one", ""))[0]["content"].endswith("\n\nText:\none")


def test_answers_of_all_kinds_together():
    top = (("good", (("good", np.log(0.6)), ("bad", np.log(0.3)), ("fair", np.log(0.1)))),)
    replies = {
        "train": [Reply("good", top), Reply("Fair."), Reply("no idea")],
        "valid": [Reply("fair"), Reply("fair"), Reply("good", top)],
        "test": [],
    }
    logits, facts = scored(replies, np.array([1, 0, 2]), LABELS)
    fair = (1 + 3 * 2 / 5) / (2 + 3)
    np.testing.assert_allclose(np.exp(logits["train"]), [
        [0.3, 0.1, 0.6], [(1 - fair) / 2, fair, (1 - fair) / 2], [1 / 3] * 3,
    ], rtol=1e-5)  # fmt: skip
    assert logits["test"].shape == (0, 3)
    assert (facts["by_tokens"], facts["by_words"], facts["unusable"]) == (2, 3, 1)
    assert facts["confidence"]["fair"] == pytest.approx(fair)
