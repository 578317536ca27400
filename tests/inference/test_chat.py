"""One question to a service: what is sent, when it is asked again, and what an answer must be."""

import threading
import time
from email.utils import formatdate

import pytest
from stand_in import completion

from alambique.errors import ModelError, ServiceError
from alambique.inference import chat
from alambique.inference.chat import Chat, RefusedError, StoppedError
from alambique.inference.label_scores import Reply
from alambique.recipe.answering import Endpoint

QUESTION = [{"role": "user", "content": "Which? Text:\nlamp"}]
FINE = (200, {}, completion("good"))
KEY = "sk-a-secret-key"


@pytest.fixture(autouse=True)
def _fresh(server, monkeypatch):
    server.reset()
    monkeypatch.setattr(chat, "FIRST_WAIT_S", 0.005)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)


class Asked:
    """A chat, what it said, and how many requests it made."""

    def __init__(self, server, **keys):
        self.said, self.spent, self.stop = [], 0, threading.Event()
        self.chat = Chat(server.settings(**keys), spend=self.spend, say=self.said.append, stop=self.stop)

    def spend(self):
        self.spent += 1

    def __call__(self, **form):
        return self.chat.ask(QUESTION, form)


def in_turn(server, *answers):
    left = iter(answers)
    server.answer = lambda body: next(left)


def test_what_is_sent(server):
    server.answer = lambda body: FINE
    assert Asked(server)(max_tokens=3) == Reply("good")
    assert server.bodies == [{"model": "m", "messages": QUESTION, "max_tokens": 3}]
    assert server.keys == [f"Bearer {KEY}"]


def test_without_a_key_none_is_sent_nor_looked_for_in_files(server, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password theirs\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.delenv("OPENAI_API_KEY")
    server.answer = lambda body: FINE
    assert Asked(server)().text == "good"
    assert server.keys == [None]


def test_the_key_of_another_variable(server, monkeypatch):
    monkeypatch.setenv("MY_KEY", "other-key\n")  # as `export MY_KEY="$(cat …)"` may leave it
    server.answer = lambda body: FINE
    Asked(server, api_key_env="MY_KEY")()
    assert server.keys == ["Bearer other-key"]


@pytest.mark.parametrize("value", ["sk two", "sk\nX-Header: 1", "clé"])
def test_a_value_that_is_no_key_is_not_shown(server, monkeypatch, value):
    monkeypatch.setenv("OPENAI_API_KEY", value)
    with pytest.raises(ModelError) as refused:
        Asked(server)
    assert str(refused.value) == (
        "teacher.endpoint.api_key_env: the value of the environment variable OPENAI_API_KEY is not a key: it holds a blank "
        "or a letter that is not ASCII. Set it to the key alone."
    )


def test_log_probabilities_come_with_their_tokens(server):
    server.answer = lambda body: (200, {}, completion("good", [{"good": 0.5, "bad": 0.0}, {".": 1.0}]))
    assert Asked(server)() == Reply("good", (("good", (("good", pytest.approx(-0.6931, abs=1e-4)), ("bad", -100.0))),
                                             (".", ((".", 0.0),))))  # fmt: skip


@pytest.mark.parametrize(("failure", "said"), [
    ((500, {}, {"error": "broken"}), 'status 500 ({"error": "broken"})'), ((429, {}, b""), "status 429"),
    ((503, {}, b"a\x1b[31m"), "status 503 (a [31m)"),
    ((200, {}, b"<html>"), "an answer that is not a chat completion (<html>)"),
    ((200, {}, {"choices": []}), 'an answer that is not a chat completion ({"choices": []})'),
    ((200, {}, b"[" * 100_000), f"an answer that is not a chat completion ({'[' * 200})"),
    ((200, {}, {"choices": [{"message": {"content": 3}}]}),
     'an answer that is not a chat completion ({"choices": [{"message": {"content": 3}}]})'),
    ((200, {"Content-Length": "9"}, b"{}"), "no answer in 0.2 seconds"),  # it stalls in the midst of the answer
    (0.4, "no answer in 0.2 seconds"),
])  # fmt: skip
def test_what_fails_is_asked_again(server, failure, said):
    in_turn(server, failure, FINE, failure, failure)
    asked = Asked(server, timeout=0.2, retries=1)
    assert asked().text == "good"
    assert asked.spent == 2
    with pytest.raises(ServiceError) as failed:
        asked()
    assert str(failed.value) == f"teacher.endpoint: {server.url} failed 2 times in a row: {said}."
    assert asked.spent == 4


@pytest.mark.parametrize("logprob", ["NaN", "5.0", "null"])
def test_log_probabilities_that_are_none(server, logprob):
    body = f"""{{"choices": [{{"message": {{"content": "good"}}, "logprobs": {{"content": [
        {{"token": "good", "top_logprobs": [{{"token": "good", "logprob": {logprob}}}]}}]}}}}]}}"""
    server.answer = lambda _: (200, {}, body.encode())
    with pytest.raises(ServiceError, match=r"failed once: an answer that is not a chat completion"):
        Asked(server, retries=0)()


def test_an_answer_without_end_is_left(server, monkeypatch):
    monkeypatch.setattr(chat, "_LARGEST", 1000)
    server.answer = lambda body: (200, {}, completion("good" * 1000))
    with pytest.raises(ServiceError, match=r"an answer that is not a chat completion"):
        Asked(server, retries=0)()


def test_nobody_there(server):
    settings = Endpoint(url="http://127.0.0.1:9/v1", model="m", retries=0)
    with pytest.raises(ServiceError) as failed:
        Chat(settings, spend=list, say=print, stop=threading.Event()).ask(QUESTION, {})
    assert str(failed.value) == "teacher.endpoint: http://127.0.0.1:9/v1 failed once: it cannot be reached."


def test_the_service_says_how_long_it_wants_to_be_left_alone(server, monkeypatch):
    monkeypatch.setattr(chat, "_SAID_S", 0.1)
    in_turn(server, (429, {"Retry-After": "0.15"}, b"slow down"), FINE)
    asked, begun = Asked(server), time.monotonic()
    asked()
    assert time.monotonic() - begun >= 0.15
    assert asked.said == ["teacher.endpoint: status 429 (slow down); waits 0 s"]


@pytest.mark.parametrize(("header", "seconds"), [
    ("7", 7), ("-3", 0), ("86400", 600), ("nan", None), ("soon", None), ("", None),
])  # fmt: skip
def test_forms_of_retry_after(header, seconds):
    class Response:
        headers = {"Retry-After": header}  # noqa: RUF012

    assert chat._asked_wait(Response) == seconds


def test_a_date_in_retry_after():
    class Response:
        headers = {"Retry-After": formatdate(time.time() + 300, usegmt=True)}  # noqa: RUF012

    assert chat._asked_wait(Response) == pytest.approx(300, abs=30)


def test_waits_grow_up_to_a_minute(monkeypatch):
    monkeypatch.setattr(chat, "FIRST_WAIT_S", 1.0)
    for attempt, least in ((0, 1), (1, 2), (3, 8), (9, 60)):
        assert least <= chat._delay(attempt) <= 1.5 * least


def test_waiting_ends_when_all_stops(server):
    server.answer = lambda body: (429, {"Retry-After": "60"}, b"")
    asked = Asked(server)
    threading.Timer(0.05, asked.stop.set).start()
    begun = time.monotonic()
    with pytest.raises(StoppedError):
        asked()
    assert time.monotonic() - begun < 5
    assert asked.spent == 1


@pytest.mark.parametrize(("status", "key", "message"), [
    (400, KEY, "refuses the request with status 400 (no)."), (422, KEY, "refuses the request with status 422 (no)."),
    (401, KEY, "refuses access with status 401 (no). Look at the key in OPENAI_API_KEY."),
    (403, "", "refuses access with status 403 (no). Set the environment variable OPENAI_API_KEY."),
    (404, KEY, "answers with status 404 (no). Look at teacher.endpoint.url, to which /chat/completions is added, and "
               "teacher.endpoint.model."),
    (302, KEY, "answers with status 302 (no). Look at teacher.endpoint.url, to which /chat/completions is added, and "
               "teacher.endpoint.model."),
])  # fmt: skip
def test_what_is_refused_is_not_asked_again(server, monkeypatch, status, key, message):
    monkeypatch.setenv("OPENAI_API_KEY", key)
    server.answer = lambda body: (status, {"Location": "http://127.0.0.1:9/"}, b"no")
    asked = Asked(server)
    with pytest.raises(ModelError) as refused:
        asked()
    assert str(refused.value) == f"teacher.endpoint: {server.url} {message}"
    assert isinstance(refused.value, RefusedError) == (status in (400, 422))
    assert asked.spent == 1


def test_a_key_that_the_service_repeats_is_not_shown_nor_kept(server):
    server.answer = lambda body: (401, {}, f"Incorrect key {KEY}".encode())
    with pytest.raises(ModelError, match=r"status 401 \(Incorrect key …\)"):
        Asked(server)()
    server.answer = lambda body: (200, {}, completion(f"good {KEY}"))
    assert Asked(server)().text == "good …"
