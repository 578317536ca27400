"""The service over real sockets."""

import json
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from served import classifier, command, counting, raw, serving

from alambique.inference.predict import predict
from alambique.serve.app import HEADERS
from alambique.serve.batching import SoloModel
from alambique.serve.limits import Limits

HEAD = "POST /predict HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nConnection: close\r\n"
ONE = {"label": "one", "probability": 0.5, "scores": {"zero": 0.25, "one": 0.5, "two": 0.25}}


@pytest.fixture(scope="module")
def client():
    with serving(limits=Limits(body_bytes=4096, texts=4, characters=1000, body_seconds=0.5)) as made:
        yield made


def test_one_text_and_many(client):
    status, headers, answer = client.predict({"text": "1"})
    assert (status, answer) == (200, ONE)
    assert headers["content-type"] == "application/json"
    assert [part.split(";dur=")[0] for part in headers["server-timing"].split(", ")] == ["queue", "model"]
    status, _, answer = client.predict({"texts": ["2", "1", "x", "1"]})
    assert status == 200
    assert [one["label"] for one in answer["predictions"]] == ["two", "one", "zero", "one"]
    assert answer["predictions"][1] == ONE
    status, _, answer = client.predict({"text": "1", "calibrated": True})
    assert answer["scores"] == pytest.approx({"zero": 0.29289, "one": 0.41421, "two": 0.29289}, abs=1e-5)


def test_inputs_are_answered_as_by_the_endpoints_of_hugging_face(client):
    ranked = [{"label": "one", "score": 0.5}, {"label": "zero", "score": 0.25}, {"label": "two", "score": 0.25}]
    assert client.predict({"inputs": "1"})[2] == ranked
    assert client.predict({"inputs": ["1"]})[2] == [ranked]
    answer = client.predict({"inputs": ["2", "1"], "parameters": {"top_k": 1, "function_to_apply": "softmax"}})[2]
    assert answer == [[{"label": "two", "score": 0.5}], [{"label": "one", "score": 0.5}]]


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", '"utf-8"', "utf_8; version=1", "'UTF-8'", "utf-8-sig"])
def test_any_spelling_of_utf8_and_a_byte_order_mark_are_taken(client, charset):
    for mark in (b"", b"\xef\xbb\xbf"):
        answer = client("POST", "/predict", mark + b'{"text": "1"}', f"Application/JSON; charset={charset}")
        assert (answer[0], answer[2]) == (200, ONE)


def test_half_a_character_is_read_as_in_data_files(client):
    assert client("POST", "/predict", b'{"text": "1 \\ud83d"}')[0] == 200


def test_pairs_and_a_teacher_opened_when_it_is_asked_for():
    opened = []

    def teacher():
        opened.append(True)
        return classifier(lambda segments: counting([(row[1],) for row in segments]), pairs=True)

    with serving(classifier(pairs=True), teacher=teacher) as client:
        assert client.predict({"text": ["1", "2"]})[2]["label"] == "one"
        assert opened == []
        assert client.predict({"texts": [["1", "2"], "2\t1"], "model": "teacher"})[2]["predictions"][1] == ONE
        client.predict({"text": ["1", "2"], "model": "teacher"})
        assert opened == [True]
        assert client("GET", "/healthz")[2]["teacher"] is True


def test_fifty_clients_at_once_get_their_own_answers():
    with serving() as client, ThreadPoolExecutor(50) as pool:
        wanted = [[(start + place) % 3 for place in range(1 + start % 5)] for start in range(200)]
        answers = list(pool.map(lambda digits: client.predict({"texts": [str(one) for one in digits]}), wanted))
    names = ("zero", "one", "two")
    assert [status for status, *_ in answers] == [200] * 200
    assert [[one["label"] for one in content["predictions"]] for *_, content in answers] == [
        [names[digit] for digit in digits] for digits in wanted
    ]


def test_a_full_queue_is_told_and_others_are_served_later():
    begun, go = threading.Event(), threading.Event()

    def slow(segments):
        begun.set()
        assert go.wait(30)
        return counting(segments)

    with serving(classifier(slow), Limits(waiting=3)) as client, ThreadPoolExecutor(4) as pool:
        first = pool.submit(client.predict, {"texts": ["1", "1", "1"]})
        assert begun.wait(30)
        status, headers, answer = client.predict({"text": "1"})
        assert (status, headers["retry-after"]) == (503, "1")
        assert answer == {"detail": "3 texts are waiting, and at most 3 may. Try again in a second."}
        assert client("GET", "/healthz")[0] == 200
        go.set()
        assert first.result()[0] == 200
        assert client.predict({"text": "1"})[0] == 200


@pytest.mark.parametrize(
    ("body", "status", "detail"),
    [
        (b'{"texts": ["1", 2]}', 422, "texts[1] must be a string, not 2."),
        (json.dumps({"texts": ["1", "x" * 1001]}).encode(), 422,
         "texts[1] has 1,001 characters; at most 1,000 are taken."),
        (b'{"texts": ["1", "1", "1", "1", "1"]}', 422, "texts holds 5 texts; from 1 to 4 can be sent."),
        (b'{"text": "1"', 400, "The body is not JSON: EOF while parsing an object at line 1 column 12."),
        (b'{"text": "1", "model": "teacher"}', 422,
         "This service has no teacher: the run has none, or it was started with --no-teacher."),
        (b" " * 4097, 413, "The body has more than 4,096 bytes. Send fewer texts per request."),
        (b" " * 2_000_000, 413, "The body has more than 4,096 bytes. Send fewer texts per request."),
    ],
)  # fmt: skip
def test_what_is_not_taken_is_told(client, body, status, detail):
    answer = client("POST", "/predict", body)
    assert (answer[0], answer[2]) == (status, {"detail": detail})
    assert client.predict({"text": "1"})[0] == 200


@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({"content_type": "text/plain"}, "The Content-Type must be application/json, in UTF-8."),
        ({"content_type": "application/json; charset=latin-1"}, "The Content-Type must be application/json, in UTF-8."),
        ({"Content-Encoding": "gzip"}, "The body must be sent without Content-Encoding."),
    ],
)
def test_other_types_are_refused(client, headers, detail):
    status, _, answer = client.predict({"text": "1"}, **headers)
    assert (status, answer) == (415, {"detail": detail})


def test_a_body_in_chunks_is_read_and_one_that_never_ends_is_left(client):
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (b'{"te', b'xt": "1"}', b""))
    assert b" 200 OK" in raw(client.port, f"{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode() + chunks)
    begun = time.monotonic()
    answer = raw(client.port, f"{HEAD}Content-Length: 50\r\n\r\n{{".encode())
    assert time.monotonic() - begun < 10
    assert b" 408 " in answer
    assert answer.endswith(b'{"detail": "The body did not come within 0.5 seconds."}')


def test_bodies_that_are_being_read_are_bounded_together():
    with serving(limits=Limits(held_bytes=100)) as client:
        with socket.create_connection(("127.0.0.1", client.port)) as slow:
            slow.sendall(f"{HEAD}Content-Length: 200\r\n\r\n{'x' * 90}".encode())
            time.sleep(0.2)
            status, _, answer = client("POST", "/predict", b'{"text": "1"}')
            assert (status, answer) == (503, {"detail": "Too many requests are being read. Try again in a second."})
        time.sleep(0.2)
        assert client.predict({"text": "1"})[0] == 200


def not_a_request(value):
    texts = value.get("texts") if isinstance(value, dict) else None
    good_list = isinstance(texts, list) and texts and all(isinstance(one, str) for one in texts)
    return not (isinstance(value, dict) and (isinstance(value.get("text"), str) or good_list))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.sampled_from(["text", "texts", "model", "calibrated", "x"]), inner, max_size=4)
    ),
    max_leaves=20,
)
BODIES = st.one_of(
    st.binary(max_size=200).filter(lambda body: b"text" not in body),
    JSON.filter(not_a_request).map(lambda value: json.dumps(value).encode()),
    st.integers(0, 24).map(lambda size: b'{"text": "a statement"}'[:size].ljust(size + 1, b"\xfe")),
    st.integers(1, 1000).map(lambda depth: b'{"text":' + b"[" * depth),
    st.integers(1, 1000).map(lambda digits: b'{"text": ' + b"9" * digits + b"}"),
    st.sampled_from(
        [b'{"text": 1e999}', b'{"text": "\\udc0"}', b'{"text": -}', b"\xef\xbb\xbf{}", b"\x00", b"[]", b'""']
    ),
)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    body=BODIES, content_type=st.sampled_from(["application/json", "application/json; charset=utf-8", "text/html", ""])
)
def test_whatever_is_malformed_is_the_clients_fault(client, body, content_type):
    status, _, answer = client("POST", "/predict", body, content_type)
    assert 400 <= status < 500
    assert list(answer) == ["detail"]


def test_every_answer_has_the_security_headers_and_no_origin_is_let_in(client):
    preflight = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    for method, path, status in (("GET", "/", 200), ("GET", "/docs", 200), ("GET", "/no", 404), ("PUT", "/predict", 405),
                                 ("OPTIONS", "/predict", 405), ("POST", "/predict", 400)):  # fmt: skip
        answer = client(method, path, b"", **preflight)
        assert answer[0] == status
        assert {name: answer[1][name.lower()] for name in HEADERS} == HEADERS
        assert not [name for name in answer[1] if name.lower().startswith("access-control")]


@pytest.mark.parametrize("characters", [0, 100], ids=["in a thread", "on the event loop"])
def test_a_model_that_fails_is_our_fault_and_no_detail_leaves(characters):
    def broken(segments):
        raise ValueError("/home/me/secret")

    with serving(classifier(broken), alone=SoloModel(classifier(broken), characters)) as client:
        for _ in range(3):
            status, headers, answer = client.predict({"text": "1"})
            assert (status, answer) == (500, {"detail": "The service failed."})
            assert headers["x-content-type-options"] == "nosniff"


def test_openapi_says_what_the_service_takes(client):
    document = client("GET", "/openapi.json")[2]
    assert sorted(document["paths"]) == ["/healthz", "/predict"]
    predict_ = document["paths"]["/predict"]["post"]
    one, many, inputs = predict_["requestBody"]["content"]["application/json"]["schema"]["oneOf"]
    assert one["properties"]["text"] == {"type": "string", "maxLength": 1000}
    assert many["properties"]["texts"] == {
        "type": "array", "items": {"type": "string", "maxLength": 1000}, "minItems": 1, "maxItems": 4,
    }  # fmt: skip
    assert inputs["properties"]["inputs"] == {"anyOf": [one["properties"]["text"], many["properties"]["texts"]]}
    assert sorted(inputs["properties"]["parameters"]["properties"]) == ["function_to_apply", "top_k"]
    assert sorted(predict_["responses"]) == ["200", "400", "408", "413", "415", "422", "503"]
    page = client("GET", "/docs")[2].decode()
    assert "<code>POST /predict</code>" in page
    assert "http://" not in page
    assert "https://" not in page
    for example in predict_["requestBody"]["content"]["application/json"]["examples"].values():
        assert client.predict(example["value"])[0] == 200


def test_health_says_what_is_served(client):
    status, _, answer = client("GET", "/healthz")
    assert status == 200
    assert answer == {
        "status": "ok", "version": answer["version"], "model": "int8", "label_names": ["zero", "one", "two"],
        "pairs": False, "max_length": 24, "teacher": False,
        "limits": {"body_bytes": 4096, "texts": 4, "characters": 1000},
    }  # fmt: skip


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_answers_what_was_accepted(exported, number):
    with command(exported[0], "--no-teacher") as (process, client):
        assert client.predict({"text": "lovely lamp", "model": "teacher"})[0] == 422
        wanted = next(iter(predict(exported[0], [["lovely lamp"]])))
        body = b'{"text": "lovely lamp"}'

        def stop():
            if process.poll() is None and not stopped:
                time.sleep(0.2)  # the request's head has been read
                process.send_signal(number)
                stopped.append(True)
                refused(client.port)

        stopped = []
        answer = raw(client.port, f"{HEAD}Content-Length: {len(body)}\r\n\r\n{{".encode(), body[1:], pause=stop)
        assert b" 200 OK" in answer
        assert json.loads(answer.split(b"\r\n\r\n")[1]) == wanted
        assert process.wait(30) == 0
        assert process.stderr.read() == ""


@pytest.mark.skipif(sys.platform == "win32", reason="no such signals")
def test_in_the_background_of_a_script_sigint_stays_ignored(exported):
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with command(exported[0], "--no-teacher") as (process, client):
            process.send_signal(signal.SIGINT)
            time.sleep(0.3)  # more than the server takes to look
            assert client.predict({"text": "lovely lamp"})[0] == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
            assert process.stderr.read() == ""
    finally:
        signal.signal(signal.SIGINT, before)


def refused(port):
    """Until nobody listens any more."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.01)
    raise AssertionError("it listens still")


def test_a_port_in_use_and_an_address_elsewhere(run, exported):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert run("serve", exported[0], "--port", port) == (
            1, "", f"alambique: --port: {port} is in use on 127.0.0.1. Choose another, as in --port {port + 1}, or stop "
            "what listens there.\n",
        )  # fmt: skip
    assert run("serve", exported[0], "--host", "192.0.2.1") == (
        1, "", "alambique: --host: 192.0.2.1 is not an address of this machine.\n",
    )  # fmt: skip


def test_a_missing_run_and_a_missing_extra(run, tmp_path, monkeypatch):
    assert run("serve", tmp_path / "no") == (
        2, "", f"alambique: {tmp_path / 'no'} is not a run folder: it has no recipe.yaml with a run id.\n"
    )  # fmt: skip
    for name in [name for name in sys.modules if name.startswith("alambique.serve")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert run("serve", tmp_path / "no") == (
        2, "", "alambique: alambique serve needs uvicorn, which is not installed. To have it: "
        "pip install 'alambique[serve]'\n",
    )  # fmt: skip


def test_requests_on_one_connection_are_answered_in_turn(client):
    one = b'POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 13\r\n\r\n{"text": "%d"}'
    last = f"{HEAD}Content-Length: 13\r\n\r\n".encode() + b'{"text": "2"}'
    answers = raw(client.port, one % 0 + one % 1 + last)
    assert [part.split(b'"')[1] for part in answers.split(b'{"label":')[1:]] == [b"zero", b"one", b"two"]
