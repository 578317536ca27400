"""What a body asks, and what is said of one that asks nothing."""

import asyncio

import pytest

from alambique.serve.limits import Limits, RequestProblem
from alambique.serve.ranking import Ranking
from alambique.serve.requests import Asked, BodyReader, parse

LIMITS = Limits(texts=3, characters=10)
EITHER = "Send either text or texts, or inputs for an answer in Hugging Face's form."


@pytest.mark.parametrize(
    ("body", "pairs", "asked"),
    [
        (b'{"text": "a"}', False, ([("a",)], False, "student", False)),
        (b'{"texts": ["a"]}', False, ([("a",)], True, "student", False)),
        ('{"texts": ["é\U0001f600", ""], "model": "teacher", "calibrated": true}'.encode(), False,
         ([("é\U0001f600",), ("",)], True, "teacher", True)),
        (b'{"text": "a\\tb"}', False, ([("a\tb",)], False, "student", False)),
        (b'{"text": ["a", "b"]}', True, ([("a", "b")], False, "student", False)),
        (b'{"texts": [["a", "b"], "c\\td", "e"]}', True,
         ([("a", "b"), ("c", "d"), ("e", "")], True, "student", False)),
        (b'\xef\xbb\xbf{"text": "a"}', False, ([("a",)], False, "student", False)),
        (b'{"text": "\\ud83d oh"}', False, ([("\ufffd oh",)], False, "student", False)),
        (b'{"text": "\\uDE00\\ud83d\\ude00\\uD83D"}', False, ([("\ufffd\U0001f600\ufffd",)], False, "student", False)),
        (b'{"text": "\\\\ud83d \\ud83d"}', False, ([("\\ud83d \ufffd",)], False, "student", False)),
    ],
)  # fmt: skip
def test_what_is_asked(body, pairs, asked):
    segments, many, model, calibrated = asked
    assert parse(body, LIMITS, pairs=pairs) == Asked(segments, many=many, model=model, calibrated=calibrated)


@pytest.mark.parametrize(
    ("body", "pairs", "asked"),
    [
        (b'{"inputs": "a"}', False, ([("a",)], False, Ranking())),
        (b'{"inputs": ["a", "b"], "parameters": {"top_k": 2}}', False, ([("a",), ("b",)], True, Ranking(2))),
        (b'{"inputs": "a", "parameters": {"top_k": null, "function_to_apply": "none"}}', False,
         ([("a",)], False, Ranking(None, "none"))),
        (b'{"inputs": "a", "parameters": null}', False, ([("a",)], False, Ranking())),
        (b'{"inputs": {"text": "a", "text_pair": "b"}}', True, ([("a", "b")], False, Ranking())),
        (b'{"inputs": [["a", "b"], "c\\td", {"text": "e", "text_pair": "f"}]}', True,
         ([("a", "b"), ("c", "d"), ("e", "f")], True, Ranking())),
    ],
)  # fmt: skip
def test_inputs_are_read_as_by_the_endpoints_of_hugging_face(body, pairs, asked):
    segments, many, ranking = asked
    wanted = Asked(segments, many=many, model="student", calibrated=False, ranking=ranking)
    assert parse(body, LIMITS, pairs=pairs) == wanted


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        (b"", 400, "The body is not JSON: EOF while parsing a value at line 1 column 0."),
        (b'{"text": "\xff"}', 400, "The body is not JSON: invalid unicode code point at line 1 column 11."),
        (b'{"text": NaN}', 400, "The body is not JSON: expected value at line 1 column 10."),
        (b'{"text": "\\ud800', 400, "The body is not JSON: EOF while parsing a string at line 1 column 16."),
        (b"\xef\xbb\xbf\xef\xbb\xbf{}", 400, "The body is not JSON: expected value at line 1 column 1."),
        (b"[" * 100_000, 400, "The body is not JSON: recursion limit exceeded at line 1 column 202."),
        (b'["a"]', 422, "body must be an object, not a list."),
        (b"{}", 422, EITHER),
        (b'{"text": "a", "texts": ["a"]}', 422, EITHER),
        (b'{"text": "a", "inputs": "a"}', 422, EITHER),
        (b'{"txt": "a"}', 422, '"txt" is not a key; the keys are calibrated, inputs, model, parameters, text, texts.'),
        (b'{"text": null}', 422, "text must be a string, not null."),
        (b'{"text": ["a", "b"]}', 422, "text must be a string, not a list."),
        (b'{"text": 1' + b"0" * 400 + b"}", 422, "text must be a string, not a number."),
        (b'{"text": "12345678901"}', 422, "text has 11 characters; at most 10 are taken."),
        (b'{"texts": "a"}', 422, 'texts must be a list, not "a".'),
        (b'{"texts": []}', 422, "texts holds 0 texts; from 1 to 3 can be sent."),
        (b'{"texts": ["a", "b", "c", "d"]}', 422, "texts holds 4 texts; from 1 to 3 can be sent."),
        (b'{"texts": ["a", {}]}', 422, "texts[1] must be a string, not an object."),
        (b'{"texts": ["a", "b", "12345678901"]}', 422, "texts[2] has 11 characters; at most 10 are taken."),
        (b'{"text": "a", "model": "best"}', 422, 'model must be "student" or "teacher", not "best".'),
        (b'{"text": "a", "model": []}', 422, 'model must be "student" or "teacher", not a list.'),
        (b'{"text": "a", "calibrated": 1}', 422, "calibrated must be true or false, not 1."),
        (b'{"inputs": 3}', 422, "inputs must be a string, not 3."),
        (b'{"inputs": ["a", ["b"]]}', 422, "inputs[1] must be a string, not a list."),
        (b'{"inputs": []}', 422, "inputs holds 0 texts; from 1 to 3 can be sent."),
        (b'{"inputs": {"text": "a", "text_pair": "b"}}', 422, "inputs must be a string, not an object."),
        (b'{"text": "a", "parameters": {}}', 422, "parameters can be sent with inputs only."),
        (b'{"inputs": "a", "parameters": []}', 422, "parameters must be an object, not a list."),
        (
            b'{"inputs": "a", "parameters": {"k": 1}}',
            422,
            'parameters: "k" is not a key; the keys are function_to_apply, top_k.',
        ),
        (b'{"inputs": "a", "parameters": {"top_k": 0}}', 422, "parameters.top_k must be a whole number from 1, not 0."),
        (
            b'{"inputs": "a", "parameters": {"top_k": true}}',
            422,
            "parameters.top_k must be a whole number from 1, not true.",
        ),
        (
            b'{"inputs": "a", "parameters": {"function_to_apply": ["none"]}}',
            422,
            'parameters.function_to_apply must be "softmax" or "sigmoid" or "none", not a list.',
        ),
    ],
)
def test_what_is_wrong(body, status, message):
    with pytest.raises(RequestProblem) as caught:
        parse(body, LIMITS, pairs=False)
    assert (caught.value.status, caught.value.message) == (status, message)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b'{"text": ["a"]}', "text must be a string or a list of two strings, not a list."),
        (b'{"text": 3}', "text must be a string or a list of two strings, not 3."),
        (b'{"inputs": {"text": "a"}}', "inputs must be a string or a list of two strings, not an object."),
        (b'{"texts": [["a", 4]]}', "texts[0][1] must be a string, not 4."),
        (b'{"texts": [["a", "12345678901"]]}', "texts[0][1] has 11 characters; at most 10 are taken."),
    ],
)
def test_what_is_wrong_with_pairs(body, message):
    with pytest.raises(RequestProblem) as caught:
        parse(body, LIMITS, pairs=True)
    assert (caught.value.status, caught.value.message) == (422, message)


@pytest.mark.parametrize(("sent", "read"), [(7, 7), (100, 71)])
def test_a_body_that_is_too_large_is_read_to_its_end_within_bounds(sent, read):
    """A client hears the answer only when it has sent all: 1 MiB at a time, of which 64 MiB are read and not kept."""
    taken = []

    async def body():
        for number in range(sent):
            taken.append(number)
            yield b" " * 2**20

    reader = BodyReader(Limits(body_bytes=5 * 2**20))
    with pytest.raises(RequestProblem) as caught:
        asyncio.run(reader.read({"content-type": "application/json"}, body()))
    assert (caught.value.status, caught.value.message) == (
        413, "The body has more than 5,242,880 bytes. Send fewer texts per request.",
    )  # fmt: skip
    assert (len(taken), reader.held) == (read, 0)
