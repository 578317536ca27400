"""A service with the chat completions of OpenAI's HTTP interface: asks one question, and asks again where that helps."""

import email.utils
import json
import math
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import requests
from requests.auth import AuthBase

from alambique.errors import ModelError, ServiceError, first_line
from alambique.inference.label_scores import Reply
from alambique.recipe.answering import Endpoint

KEY = "teacher.endpoint"
FIRST_WAIT_S, LONGEST_WAIT_S = 1.0, 60.0
_LONGEST_ASKED_S = 600.0  # of what Retry-After asks for
_SAID_S = 5.0  # waits from here on are shown
_OK = 200
_AGAIN = frozenset({408, 409, 425, 429, *range(500, 600)})
_REFUSED = frozenset({400, 422})  # the form of the request, which may be asked for in another way
_LARGEST = 2**22  # bytes of an answer
_POSITIONS = 16  # tokens of an answer whose alternatives are read
_SHORTEST_KEY = 8  # below, it is a placeholder of a local server, and nothing to hide

Messages = list[dict[str, str]]


class RefusedError(ModelError):
    """The service does not take a request as it is."""


class StoppedError(ServiceError):
    """Nothing more is to be asked."""


class _Bearer(AuthBase):
    """Sends the key; without an object like this, ``requests`` would look for a password in ``~/.netrc``."""

    def __init__(self, key: str | None) -> None:
        self.key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.key:
            request.headers["Authorization"] = f"Bearer {self.key}"
        return request


class Chat:
    """Asks a service; used by several threads, each with a connection of its own.

    Example:
        >>> import threading
        >>> from alambique.inference.chat import Chat
        >>> from alambique.recipe.answering import Endpoint
        >>> settings = Endpoint(url="http://localhost:8000/v1", model="m", retries=0)
        >>> chat = Chat(settings, spend=lambda: None, say=print, stop=threading.Event())
        >>> question = [{"role": "user", "content": "Which label fits?"}]
        >>> chat.ask(question, {"max_tokens": 8}).text  # doctest: +SKIP
        'good'
    """

    def __init__(
        self, settings: Endpoint, *, spend: Callable[[], None], say: Callable[[str], None], stop: threading.Event
    ) -> None:
        """Nothing is sent yet.

        Args:
            settings: address, model, patience.
            spend: called before each request; what it raises ends the question.
            say: told of long waits.
            stop: ends waiting.

        Raises:
            ModelError: the environment variable holds no key that can be sent.
        """
        self.settings, self._spend, self._say, self._stop = settings, spend, say, stop
        self._key = _key_of(settings.api_key_env)
        self._own = threading.local()
        self._resume_at = 0.0  # for all threads, where the service asks to be left alone

    def ask(self, messages: Messages, form: Mapping[str, Any]) -> Reply:
        """The answer to messages; a request that fails is made again, with longer and longer waits.

        Args:
            messages: the question.
            form: what the request holds beside model and messages.

        Raises:
            RefusedError: the service does not take this request.
            ModelError: it refuses the key or the model, or there is no such address.
            ServiceError: it keeps failing.
            StoppedError: ``stop`` was set.
        """
        body = {"model": self.settings.model, "messages": messages, **form}
        reason = ""
        for attempt in range(self.settings.retries + 1):
            self._wait(self._resume_at - time.monotonic())
            self._spend()
            reply, reason, asked = self._once(body)
            if reply is not None:
                return reply
            if attempt < self.settings.retries:
                self._after_failure(reason, attempt, asked)
        times = "once" if self.settings.retries == 0 else f"{self.settings.retries + 1} times in a row"
        raise ServiceError(f"{KEY}: {self.settings.url} failed {times}: {reason}.")

    def _after_failure(self, reason: str, attempt: int, asked: float | None) -> None:
        wait = _delay(attempt) if asked is None else asked
        if wait >= _SAID_S:
            self._say(f"{KEY}: {reason}; waits {wait:.0f} s")
        if asked is not None:
            self._resume_at = max(self._resume_at, time.monotonic() + asked)
        else:
            self._wait(wait)

    def _wait(self, seconds: float) -> None:
        if self._stop.is_set() or (seconds > 0 and self._stop.wait(seconds)):
            raise StoppedError("stopped")

    def _once(self, body: dict[str, Any]) -> tuple[Reply | None, str, float | None]:
        """A reply, or why there is none and how long the service asks to be left alone."""
        settings = self.settings
        try:
            with self._session().post(
                settings.address, json=body, auth=_Bearer(self._key), timeout=settings.timeout, allow_redirects=False,
                stream=True,
            ) as response:  # fmt: skip
                content = _content(response, time.monotonic() + settings.timeout)
        except (requests.Timeout, TimeoutError):
            return None, f"no answer in {settings.timeout:g} seconds", None
        except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
            late = "timed out" in str(error)  # a stall in the midst of an answer
            return None, f"no answer in {settings.timeout:g} seconds" if late else "it cannot be reached", None
        except (requests.RequestException, UnicodeError) as error:
            raise ModelError(f"{KEY}.url: {settings.url} cannot be asked ({self._safe(first_line(error))}).") from None
        text = self._without_key(content.decode("utf-8", "replace"))
        if response.status_code in _AGAIN:
            return None, f"status {response.status_code}{self._words(text)}", _asked_wait(response)
        if response.status_code != _OK:
            raise self._refusal(response.status_code, self._words(text))
        try:
            return _reply(json.loads(text)), "", None
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
            return None, f"an answer that is not a chat completion{self._words(text)}", None

    def _session(self) -> requests.Session:
        if not hasattr(self._own, "session"):
            self._own.session = requests.Session()
        return self._own.session

    def _refusal(self, status: int, words: str) -> ModelError:
        url = self.settings.url
        if status in _REFUSED:
            return RefusedError(f"{KEY}: {url} refuses the request with status {status}{words}.")
        if status in (401, 403):
            variable = self.settings.api_key_env
            advice = f"Look at the key in {variable}" if self._key else f"Set the environment variable {variable}"
            return ModelError(f"{KEY}: {url} refuses access with status {status}{words}. {advice}.")
        return ModelError(
            f"{KEY}: {url} answers with status {status}{words}. Look at teacher.endpoint.url, to which /chat/completions "
            "is added, and teacher.endpoint.model."
        )

    def _words(self, text: str) -> str:
        """What the service says, in brackets; empty where it says nothing."""
        words = self._safe(" ".join(text.split()))
        return f" ({words[:200]})" if words else ""

    def _safe(self, text: str) -> str:
        """Words of others, without the key and what does not print."""
        return "".join(letter if letter.isprintable() else " " for letter in self._without_key(text))

    def _without_key(self, text: str) -> str:
        hidden = self._key is not None and len(self._key) >= _SHORTEST_KEY
        return text.replace(str(self._key), "…") if hidden else text


def _key_of(variable: str) -> str | None:
    """The key in the environment; None where there is none.

    Raises:
        ModelError: it cannot be sent in a header; the message does not show it.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise ModelError(
            f"{KEY}.api_key_env: the value of the environment variable {variable} is not a key: it holds a blank or a "
            "letter that is not ASCII. Set it to the key alone."
        )
    return key or None


def _content(response: requests.Response, deadline: float) -> bytes:
    """The bytes of an answer, of at most :data:`_LARGEST`; a longer one is cut, and is then no JSON.

    Raises:
        TimeoutError: it goes on after the deadline.
    """
    parts, size = [], 0
    for part in response.iter_content(2**16):
        parts.append(part)
        size += len(part)
        if size > _LARGEST:
            break
        if time.monotonic() > deadline:
            raise TimeoutError
    return b"".join(parts)[:_LARGEST]


def _delay(attempt: int) -> float:
    """Twice as long each time, by chance up to half as long again, so that threads do not come back together."""
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2**attempt) * (1 + random.random() / 2)  # noqa: S311


def _asked_wait(response: requests.Response) -> float | None:
    """Seconds that ``Retry-After`` asks for, as a number or a date, at most ten minutes; None where it does not say."""
    asked = response.headers.get("Retry-After", "")
    try:
        seconds = float(asked)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(asked).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return min(max(seconds, 0.0), _LONGEST_ASKED_S) if math.isfinite(seconds) else None


def _reply(body: Any) -> Reply:
    choice = body["choices"][0]
    text = choice["message"]["content"]
    if text is not None and not isinstance(text, str):
        raise TypeError("the content is not text")
    positions = (choice.get("logprobs") or {}).get("content") or []
    top = tuple(
        (
            _token(position["token"]),
            tuple((_token(e["token"]), _logprob(e["logprob"])) for e in position["top_logprobs"]),
        )
        for position in positions[:_POSITIONS]
        if position.get("top_logprobs")
    )
    return Reply(text or "", top)


def _token(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("a token is not text")
    return value


def _logprob(value: Any) -> float:
    number = float(value)
    if not number < 0.01:  # noqa: PLR2004 - a little above 0 is rounding; NaN is not below
        raise ValueError("a log-probability is above 0")
    return max(min(number, 0.0), -100.0)  # minus infinity is not JSON
