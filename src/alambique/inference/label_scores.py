"""What an answer in words says of each label: by the log-probabilities of its tokens, or by the label that it names."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_LEAST_MASS = 0.5  # of the tokens that begin a label; below, the answer is about something else
_FLOOR = 1e-4  # of a label that is in no list, unless the least probable token listed is less probable still
_SMALLEST = 1e-6  # as of a probability in a file
_QUOTES = "\"'`*{ "
Alternatives = Sequence[tuple[str, float]]  # tokens and their log-probabilities, at one position


@dataclass(frozen=True)
class Reply:
    """An answer of a service.

    Attributes:
        text: what it says.
        top: for each of its first tokens that token, and the most probable tokens there with their log-probabilities; empty
            where the service gives none.
    """

    text: str
    top: tuple[tuple[str, Alternatives], ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Values for a line of JSON."""
        return {"text": self.text, "top": [[token, list(map(list, alternatives))] for token, alternatives in self.top]}

    @classmethod
    def of_json(cls, values: dict[str, Any]) -> "Reply":
        """The reply that :meth:`as_json` gave values for."""
        top = tuple((token, tuple((t, float(p)) for t, p in alternatives)) for token, alternatives in values["top"])
        return cls(values["text"], top)


def scores(reply: Reply, labels: tuple[str, ...]) -> np.ndarray | None:
    """The logarithm of each label's share of the probability of all labels, by the tokens that the answer may begin with.

    A token that begins one label counts for it. One that begins several counts for the one that the answer goes on with, as
    far as the service tells, else for each in equal parts. A label that no listed token begins gets the probability 0.0001,
    or that of the least probable token listed if that is less, and 0.000001 at least.

    Args:
        reply: of the service.
        labels: their names.

    Returns:
        (C,) float64, or None where the tokens do not tell: there are none, or labels have less than half of their
        probability together.

    Example:
        >>> import math
        >>> from alambique.inference.label_scores import Reply, scores
        >>> listed = (("good", math.log(0.6)), ("bad", math.log(0.2)))
        >>> scores(Reply("good", (("good", listed),)), ("bad", "good"))
        array([-1.38629436, -0.28768207])
    """
    shares, least, _ = _read(reply, labels)
    if shares.sum() < _LEAST_MASS:
        return None
    shares = np.maximum(shares, max(min(_FLOOR, least), _SMALLEST))
    return np.asarray(np.log(shares / shares.sum()))


def telling(reply: Reply, labels: tuple[str, ...]) -> Reply:
    """The reply without the positions that :func:`scores` does not look at, so that little is kept of it."""
    return Reply(reply.text, reply.top[: _read(reply, labels)[2]])


def _read(reply: Reply, labels: tuple[str, ...]) -> tuple[np.ndarray, float, int]:
    """The probability of each label, that of the least probable token listed, and how many positions were looked at."""
    names = [_plain(name) for name in labels]
    shares, so_far, mass, least = np.zeros(len(labels)), "", 1.0, 1.0
    for read, (token, alternatives) in enumerate(reply.top, start=1):
        listed = {text: float(np.exp(logprob)) for text, logprob in alternatives}
        for text, probability in listed.items():
            least = min(least, mass * probability)
            begun = _begun(so_far + text, names)
            if begun and not (text == token and len(begun) > 1):
                shares[begun] += mass * probability / len(begun)
        begun = _begun(so_far + token, names)
        if len(begun) < 2 or token not in listed:  # noqa: PLR2004 - decided, or no more is known
            return shares, least, read
        so_far, mass = so_far + token, mass * listed[token]
    if so_far:  # it ended before one label alone was left: at the end of a label it is that label
        begun = [place for place in begun if names[place] == _stripped(so_far)] or begun
        shares[begun] += mass / len(begun)
    return shares, least, len(reply.top)


def _begun(text: str, names: list[str]) -> list[int]:
    """The labels that a beginning of an answer may become; the whole of one counts for a longer one too."""
    begun = _plain(text).lstrip(_QUOTES)
    if not begun:
        return list(range(len(names))) if not text.strip() else []
    longer = [place for place, name in enumerate(names) if name.startswith(begun)]
    whole = [place for place, name in enumerate(names) if re.match(re.escape(name) + r"(?![\w-])", begun)]
    return sorted({*longer, *whole})


def _stripped(text: str) -> str:
    return _plain(text).strip(_QUOTES + ".!\n")


def named(text: str, labels: tuple[str, ...]) -> int | None:
    """The label that an answer names: it is nothing else, or names one label and no other; None where it does not.

    Args:
        text: words, or JSON such as ``{"label": "good"}``.
        labels: their names.

    Example:
        >>> from alambique.inference.label_scores import named
        >>> named("The label is Good.", ("bad", "good")), named("good or bad", ("bad", "good"))
        (1, None)
    """
    said = _said(text)
    for form in (str.strip, _stripped):  # as it is written first: names may differ by capitals alone
        names = [form(name) for name in labels]
        if form(said) in names:
            return names.index(form(said))
    names, said = [_plain(name) for name in labels], _plain(said)
    places = sorted(range(len(names)), key=lambda place: -len(names[place]))
    mentioned = []
    for place in places:  # the longest first, so that a part of it is not another label
        said, count = re.subn(rf"(?<![\w-]){re.escape(names[place])}(?![\w-])", " ", said)
        mentioned += [place] if count else []
    return mentioned[0] if len(mentioned) == 1 else None


def _said(text: str) -> str:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return str(parsed["label"]) if isinstance(parsed, dict) and "label" in parsed else text


def _plain(text: str) -> str:
    return re.sub(r"[_\s]+", " ", text.casefold()).lstrip()


def measured_confidence(answers: Sequence[int | None], truth: np.ndarray, classes: int) -> np.ndarray:
    """For each label how often an answer of it is right, on rows whose label is known; smoothed, since some are rare.

    The share of right answers of a label is drawn towards that of all answers, as if there were as many more rows as there
    are labels: ``(right + C · overall) / (answers + C)``. It is more than 1 / C, so that the answer stays the most probable
    label.

    Args:
        answers: of rows of valid; None where there is none that can be used.
        truth: (rows,) the labels.
        classes: C.

    Returns:
        (C,) fractions.

    Example:
        >>> import numpy as np
        >>> from alambique.inference.label_scores import measured_confidence
        >>> measured_confidence([1, 1, 1, 0], np.array([1, 1, 0, 0]), 2).round(3)  # right: 2 of 3, and 1 of 1
        array([0.778, 0.667])
    """
    given = np.array([-1 if answer is None else answer for answer in answers])
    usable, right = given >= 0, given == truth
    overall = (right.sum() + 1) / (usable.sum() + classes)
    counts = np.array([(given == label).sum() for label in range(classes)])
    hits = np.array([(right & (given == label)).sum() for label in range(classes)])
    return np.asarray(np.clip((hits + classes * overall) / (counts + classes), 1 / classes + 0.01, 1 - 1e-4))


def confident(label: int | None, confidence: np.ndarray) -> np.ndarray:
    """Log-probabilities of an answer that names a label: its confidence, and the rest in equal parts; all equal for none."""
    classes = len(confidence)
    if label is None:
        return np.full(classes, -np.log(classes))
    shares = np.full(classes, (1 - confidence[label]) / (classes - 1))
    shares[label] = confidence[label]
    return np.asarray(np.log(shares))
