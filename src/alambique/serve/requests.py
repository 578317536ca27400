"""From the bytes of a request to what it asks; whatever is wrong with them is the client's, and is told."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from alambique.serve.limits import Limits, RequestProblem, busy
from alambique.serve.ranking import FUNCTIONS, Ranking

STUDENT, TEACHER = "student", "teacher"
_TEXTS = ("inputs", "text", "texts")  # where texts stand; one of them
_KEYS = {*_TEXTS, "model", "calibrated", "parameters"}
_PARAMETERS = {"function_to_apply", "top_k"}
_UTF8 = {"utf8", "utf8sig", "u8"}  # its names, in small letters without punctuation
_MARK = b"\xef\xbb\xbf"
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_DISCARDED = 2**26  # bytes of a body that is too large; a client that sends more finds the connection closed
_SHOWN = 40  # characters of what was sent, in a message
_SEGMENTS = 2  # of a pair


@dataclass(frozen=True)
class Asked:
    """What a request asks.

    Attributes:
        segments: one or two a text.
        many: whether a list of texts was sent.
        model: ``student`` or ``teacher``.
        calibrated: divide the logits by the temperature fitted on valid.
        ranking: of the labels, where texts were sent as ``inputs``.
    """

    segments: list[tuple[str, ...]]
    many: bool
    model: str
    calibrated: bool
    ranking: Ranking | None = None


class BodyReader:
    """Reads bodies within bounds: of each, and of all that are being read."""

    def __init__(self, limits: Limits) -> None:
        """``limits`` say which."""
        self.limits, self.held = limits, 0

    async def read(self, headers: Any, stream: AsyncIterator[bytes]) -> bytes:
        """The whole body.

        Raises:
            RequestProblem: 415, 413, 408 or 503.
        """
        _check_type(headers)
        body = bytearray()
        try:
            async with asyncio.timeout(self.limits.body_seconds):
                async for chunk in stream:
                    body += chunk
                    self.held += len(chunk)
                    if len(body) > self.limits.body_bytes:
                        self.held -= len(body)
                        body.clear()
                        await _discard(stream)
                        raise RequestProblem(
                            413,
                            f"The body has more than {self.limits.body_bytes:,} bytes. Send fewer texts per request.",
                            {"Connection": "close"},
                        )
                    if self.held > self.limits.held_bytes:
                        raise busy("Too many requests are being read. Try again in a second.")
        except TimeoutError as error:
            raise RequestProblem(
                408, f"The body did not come within {self.limits.body_seconds:g} seconds.", {"Connection": "close"}
            ) from error
        finally:
            self.held -= len(body)
        return bytes(body)


async def _discard(stream: AsyncIterator[bytes]) -> None:
    """Read what else is sent, within bounds, and keep none of it: a client that still sends would not hear an answer."""
    left = _DISCARDED
    async for chunk in stream:
        left -= len(chunk)
        if left < 0:
            return


def _check_type(headers: Any) -> None:
    """A page of another origin cannot send this type without asking first, and is told no: that is the point of it."""
    kind, _, options = headers.get("content-type", "").lower().partition(";")
    named = (option.partition("=") for option in options.split(";"))
    charset = next((value for name, _, value in named if name.strip() == "charset"), "utf-8")
    if kind.strip() != "application/json" or re.sub(r"[^a-z0-9]", "", charset) not in _UTF8:
        raise RequestProblem(415, "The Content-Type must be application/json, in UTF-8.")
    if headers.get("content-encoding", "identity") != "identity":
        raise RequestProblem(415, "The body must be sent without Content-Encoding.")


def parse(body: bytes, limits: Limits, *, pairs: bool) -> Asked:
    """What the body asks.

    Args:
        body: JSON.
        limits: on texts.
        pairs: whether the model reads pairs.

    Raises:
        RequestProblem: 400, it is not JSON; 422, it is not what is taken here.
    """
    sent = _from_json(body.removeprefix(_MARK))
    if not isinstance(sent, dict):
        raise _wrong("body", "an object", sent)
    unknown = sorted(set(sent) - _KEYS)
    if unknown:
        raise RequestProblem(422, f"{_shown(unknown[0])} is not a key; the keys are {', '.join(sorted(_KEYS))}.")
    named = [name for name in _TEXTS if name in sent]
    if len(named) != 1:
        raise RequestProblem(422, "Send either text or texts, or inputs for an answer in Hugging Face's form.")
    model, calibrated = sent.get("model", STUDENT), sent.get("calibrated", False)
    if model not in (STUDENT, TEACHER):
        raise _wrong("model", f'"{STUDENT}" or "{TEACHER}"', model)
    if not isinstance(calibrated, bool):
        raise _wrong("calibrated", "true or false", calibrated)
    key = named[0]
    many = key == "texts" or (key == "inputs" and isinstance(sent[key], list))
    texts = sent[key] if many else [sent[key]]
    if not isinstance(texts, list):
        raise _wrong(key, "a list", texts)
    if not 1 <= len(texts) <= limits.texts:
        raise RequestProblem(422, f"{key} holds {len(texts)} texts; from 1 to {limits.texts} can be sent.")
    read = _input if key == "inputs" and pairs else _segments
    segments = [
        read(value, f"{key}[{place}]" if many else key, limits, pairs=pairs) for place, value in enumerate(texts)
    ]
    return Asked(segments, many, model, calibrated, _ranking(sent, key))


def _from_json(body: bytes) -> Any:
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        mended = _ESCAPE.sub(lambda escape: b"\\ufffd" if escape["half"] else escape[0], body)
        if mended != body:  # half a character, as JavaScript writes a text that was cut within one
            return _from_json(mended)
        raise RequestProblem(400, f"The body is not JSON: {error}.") from error


def _ranking(sent: dict[str, Any], key: str) -> Ranking | None:
    parameters = sent.get("parameters")
    if parameters is not None and key != "inputs":
        raise RequestProblem(422, "parameters can be sent with inputs only.")
    if key != "inputs" or parameters is None:
        return Ranking() if key == "inputs" else None
    if not isinstance(parameters, dict):
        raise _wrong("parameters", "an object", parameters)
    unknown = sorted(set(parameters) - _PARAMETERS)
    if unknown:
        raise RequestProblem(
            422, f"parameters: {_shown(unknown[0])} is not a key; the keys are {', '.join(sorted(_PARAMETERS))}."
        )
    top_k, function = parameters.get("top_k"), parameters.get("function_to_apply")
    if top_k is not None and (isinstance(top_k, bool) or not isinstance(top_k, int) or top_k < 1):
        raise _wrong("parameters.top_k", "a whole number from 1", top_k)
    if function is not None and function not in tuple(FUNCTIONS):
        raise _wrong("parameters.function_to_apply", " or ".join(f'"{name}"' for name in FUNCTIONS), function)
    return Ranking(top_k, function)


def _input(value: Any, place: str, limits: Limits, *, pairs: bool) -> tuple[str, ...]:
    """Two texts, as :func:`_segments` reads them or as the pipeline of Transformers does."""
    if isinstance(value, dict) and set(value) == {"text", "text_pair"}:
        value = [value["text"], value["text_pair"]]
    return _segments(value, place, limits, pairs=pairs)


def _segments(value: Any, place: str, limits: Limits, *, pairs: bool) -> tuple[str, ...]:
    """One text; where the model reads pairs, a list of two, or one string as ``predict`` reads a line."""
    if pairs and isinstance(value, list):
        if len(value) != _SEGMENTS:
            raise _wrong(place, "a string or a list of two strings", value)
        first, second = (_text(one, f"{place}[{index}]", limits) for index, one in enumerate(value))
        return first, second
    if not pairs:
        return (_text(value, place, limits),)
    first, _, second = _text(value, place, limits, "a string or a list of two strings").partition("\t")
    return first, second


def _text(value: Any, place: str, limits: Limits, wanted: str = "a string") -> str:
    if not isinstance(value, str):
        raise _wrong(place, wanted, value)
    if len(value) > limits.characters:
        raise RequestProblem(422, f"{place} has {len(value):,} characters; at most {limits.characters:,} are taken.")
    return value


def _wrong(place: str, wanted: str, value: Any) -> RequestProblem:
    return RequestProblem(422, f"{place} must be {wanted}, not {_shown(value)}.")


def _shown(value: Any) -> str:
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > _SHOWN:
        return "a number"  # of any length, which Python would refuse to write out
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
