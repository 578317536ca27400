"""Questions put to a stand-in: in the form that it takes, within the budget, each once."""

import re
import threading

import pytest
from stand_in import completion, text_of

from alambique.errors import ModelError, RecipeError, ServiceError
from alambique.inference import asking, chat
from alambique.inference.asking import Asking, forms
from alambique.inference.chat import RefusedError
from alambique.inference.kept_answers import KeptAnswers
from alambique.progress import Step

LABELS = ("bad", "good")
GOOD = completion("good", [{"good": 0.9, "bad": 0.1}])
BOUND = completion('{"label": "good"}')


class Counted(Step):
    def __init__(self):
        self.total, self.done, self.said = 0, 0, []

    def start(self, total):
        self.total = total

    def advance(self, count=1):
        self.done += count

    def say(self, line):
        self.said.append(line)


@pytest.fixture(autouse=True)
def _fresh(server, monkeypatch):
    server.reset(lambda body: (200, {}, GOOD))
    monkeypatch.setattr(chat, "FIRST_WAIT_S", 0.002)


@pytest.fixture
def ask(server, tmp_path):
    """Ask about as many texts; the answers kept, and what was shown."""

    def run(count, **keys):
        settings = server.settings(**keys)
        kept = KeptAnswers(tmp_path, most=settings.max_requests)
        questions = {str(n): [{"role": "user", "content": f"Which?\n\nText:\nlamp {n}"}] for n in range(count)}
        step = Counted()
        try:
            Asking(settings, LABELS, questions, kept, step).ask_all()
        finally:
            kept.close()
        return kept, step

    return run


def refusing(*keys, status=400):
    """Answers of a service that does not know these keys of a request."""

    def answer(body):
        unknown = [key for key in keys if key in body]
        if unknown:
            return status, {}, {"error": f"unknown {unknown[0]}"}
        return 200, {}, GOOD if body.get("logprobs") else BOUND if "response_format" in body else completion("Good.")

    return answer


def test_every_question_is_asked_once_and_several_at_the_same_time(server, ask):
    barrier = threading.Barrier(3, timeout=5)

    def answer(body):
        if text_of(body) != "lamp 0":
            barrier.wait()  # only three at the same time come past
        return 200, {}, GOOD

    server.answer = answer
    kept, step = ask(10, concurrency=3)
    assert sorted(server.texts) == [f"lamp {n}" for n in range(10)]
    assert server.most == 3
    assert (len(kept.replies), kept.requests, step.total, step.done) == (10, 10, 10, 10)
    server.answer = lambda body: (200, {}, GOOD)
    ask(10)
    assert len(server.bodies) == 10
    ask(12)
    assert sorted(server.texts[10:]) == ["lamp 10", "lamp 11"]


@pytest.mark.parametrize(("unknown", "asked", "last"), [
    ((), 4, {"temperature", "max_tokens", "logprobs", "top_logprobs"}),
    (("logprobs",), 6, {"temperature", "max_tokens", "response_format"}),
    (("logprobs", "max_tokens"), 7, {"max_completion_tokens", "response_format"}),
    (("logprobs", "response_format"), 8, {"temperature", "max_tokens"}),
    (("logprobs", "response_format", "temperature"), 9, {"max_completion_tokens"}),
])  # fmt: skip
def test_the_form_that_tells_most_of_those_that_the_service_takes(server, ask, unknown, asked, last):
    server.answer = refusing(*unknown)
    kept, _ = ask(4)
    assert kept.requests == len(server.bodies) == asked
    assert set(server.bodies[-1]) == {"model", "messages", *last}
    assert [bool(reply.top) for reply in kept.replies.values()] == [not unknown] * 4
    ask(5)
    assert len(server.bodies) == asked + 1  # the form is known


def test_few_alternatives_where_the_service_gives_no_more(server, ask):
    server.answer = lambda body: (200, {}, GOOD) if body["top_logprobs"] <= 5 else (400, {}, b"at most 5")
    ask(3)
    assert [body["top_logprobs"] for body in server.bodies] == [20, 5, 5, 5]


def test_a_service_that_is_silent_about_log_probabilities_is_asked_for_bound_answers(server, ask):
    server.answer = lambda body: (200, {}, completion("good") if "logprobs" in body else BOUND)
    kept, _ = ask(4)
    assert len(server.bodies) == 4  # the first answer names a label, and stays
    assert sorted(reply.text for reply in kept.replies.values()) == ["good", *['{"label": "good"}'] * 3]


def test_an_answer_without_log_probabilities_and_label_is_asked_for_again(server, ask):
    server.answer = lambda body: (200, {}, completion("well") if "logprobs" in body else BOUND)
    kept, _ = ask(2)
    assert server.texts == ["lamp 0", "lamp 0", "lamp 1"]
    assert {reply.text for reply in kept.replies.values()} == {'{"label": "good"}'}


def test_a_service_that_takes_no_form(server, ask):
    server.answer = lambda body: (400, {}, b"no")
    with pytest.raises(RefusedError) as refused:
        ask(3)
    assert str(refused.value) == f"teacher.endpoint: {server.url} refuses the request with status 400 (no)."
    assert len(server.bodies) == len(forms(LABELS, 20)) == 6


def test_a_text_that_is_refused_is_not_asked_about_again(server, ask):
    server.answer = lambda body: (400, {}, b"too long") if text_of(body) == "lamp 2" else (200, {}, GOOD)
    kept, _ = ask(5)
    assert kept.replies["2"].text == ""
    assert ask(5)[0].requests == 5


def test_a_service_that_refuses_from_now_on_costs_no_answers(server, ask, monkeypatch):
    monkeypatch.setattr(asking, "_TRIED", 4)
    server.answer = lambda body: (200, {}, GOOD) if len(server.bodies) <= 3 else (400, {}, b"closed")
    with pytest.raises(ModelError) as refused:
        ask(30, concurrency=1)
    assert str(refused.value) == (
        f"teacher.endpoint: {server.url} refuses the request with status 400 (closed). It refused 4 texts in a row. 3 of 30 "
        "answers are there and are kept; 27 are missing."
    )
    server.answer = lambda body: (200, {}, GOOD)
    kept, _ = ask(30)
    assert {reply.text for reply in kept.replies.values()} == {"good"}


def test_a_budget_that_cannot_suffice_is_refused_before_anything_is_asked(server, ask):
    with pytest.raises(RecipeError) as refused:
        ask(5, max_requests=4)
    assert str(refused.value) == (
        "teacher.endpoint.max_requests is 4, and 0 requests were made, those that failed included. 0 of 5 answers are there "
        "and are kept; 5 are missing. Set teacher.endpoint.max_requests to 5 or more, and give the same command again. "
        "Nothing was asked now."
    )
    assert server.bodies == []


def test_a_budget_that_ends_keeps_the_answers_and_says_what_is_missing(server, ask):
    server.answer = lambda body: (200, {}, GOOD) if len(server.bodies) != 2 else (500, {}, b"")
    with pytest.raises(ServiceError) as ended:
        ask(5, max_requests=5, concurrency=1)
    assert str(ended.value) == (
        "teacher.endpoint.max_requests is 5, and 5 requests were made, those that failed included. 4 of 5 answers are there "
        "and are kept; 1 are missing. Set teacher.endpoint.max_requests to 6 or more, and give the same command again."
    )
    assert len(server.bodies) == 5
    kept, step = ask(5, max_requests=6)
    assert (len(server.bodies), kept.requests, step.done) == (6, 6, 5)


def test_a_service_that_keeps_failing(server, ask):
    server.answer = lambda body: (200, {}, GOOD) if len(server.bodies) <= 2 else (503, {}, b"busy")
    with pytest.raises(ServiceError) as failed:
        ask(4, retries=2, concurrency=1)
    assert str(failed.value) == (
        f"teacher.endpoint: {server.url} failed 3 times in a row: status 503 (busy). 2 of 4 answers are there and are kept; "
        "2 are missing. Give the same command again to go on."
    )
    server.answer = lambda body: (200, {}, GOOD)
    assert len(ask(4)[0].replies) == 4
    assert server.texts.count("lamp 0") == server.texts.count("lamp 1") == 1


def test_ctrl_c_keeps_what_is_under_way(server, ask, tmp_path, monkeypatch):
    begun = threading.Event()

    def interrupted(pending, **_):
        begun.wait(5)
        raise KeyboardInterrupt

    def answer(body):
        if text_of(body) != "lamp 0":
            begun.set()
            return 200, {"Connection": "close"}, GOOD
        return 200, {}, GOOD

    server.answer = answer
    with monkeypatch.context() as patched:
        patched.setattr(asking, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ask(40)
    made = len(server.bodies)
    assert made < 10
    assert len(KeptAnswers(tmp_path).replies) == made
    ask(40)
    assert len(server.bodies) == 40


def test_nonsense_is_not_paid_for_to_the_end(server, ask, tmp_path):
    server.answer = lambda body: (200, {}, completion("As an AI, I cannot say."))
    with pytest.raises(ModelError) as refused:
        ask(200, concurrency=1, top_logprobs=0)
    count = len(KeptAnswers(tmp_path).replies)
    assert count == len(server.bodies) <= 23  # some were under way
    assert re.fullmatch(
        r"teacher\.endpoint: none of the first 2[0-3] answers names a label; one is 'As an AI, I cannot say\.'\. Change "
        r"teacher\.endpoint\.instructions, or take another model\.",
        str(refused.value),
    )
    with pytest.raises(ModelError, match="none of the first"):
        ask(200, top_logprobs=0)
    assert len(server.bodies) == count
