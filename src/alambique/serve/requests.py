"""From the bytes of a request to what it asks; whatever is wrong with them is the client's, and is told."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from alambique.serve.limits import Limits, RequestProblem, busy

STUDENT, TEACHER = "student", "teacher"
_KEYS = {"text", "texts", "model", "calibrated"}
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
    """

    segments: list[tuple[str, ...]]
    many: bool
    model: str
    calibrated: bool


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


def _check_type(headers: Any) -> None:
    """A page of another origin cannot send this type without asking first, and is told no: that is the point of it."""
    kind, _, options = headers.get("content-type", "").lower().partition(";")
    charset = options.replace(" ", "").replace('"', "")
    if kind.strip() != "application/json" or charset not in ("", "charset=utf-8"):
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
    try:
        sent = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise RequestProblem(400, f"The body is not JSON: {error}.") from error
    if not isinstance(sent, dict):
        raise _wrong("body", "an object", sent)
    unknown = sorted(set(sent) - _KEYS)
    if unknown:
        raise RequestProblem(422, f"{_shown(unknown[0])} is not a key; the keys are {', '.join(sorted(_KEYS))}.")
    if ("text" in sent) == ("texts" in sent):
        raise RequestProblem(422, "Send either text or texts.")
    model, calibrated = sent.get("model", STUDENT), sent.get("calibrated", False)
    if model not in (STUDENT, TEACHER):
        raise _wrong("model", f'"{STUDENT}" or "{TEACHER}"', model)
    if not isinstance(calibrated, bool):
        raise _wrong("calibrated", "true or false", calibrated)
    many = "texts" in sent
    texts = sent["texts"] if many else [sent["text"]]
    if not isinstance(texts, list):
        raise _wrong("texts", "a list", texts)
    if not 1 <= len(texts) <= limits.texts:
        raise RequestProblem(422, f"texts holds {len(texts)} texts; from 1 to {limits.texts} can be sent.")
    segments = [
        _segments(value, f"texts[{place}]" if many else "text", limits, pairs=pairs)
        for place, value in enumerate(texts)
    ]
    return Asked(segments, many, model, calibrated)


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
