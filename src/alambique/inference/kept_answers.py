"""Answers of a service, kept as they come, so that a killed run asks nothing twice and pays nothing twice.

A line of ``asked/answers.jsonl`` is a hash and a JSON object: a request that is about to be made, an answer by the id of its
question, or the form of request that the service takes. Lines are appended and never changed.
"""

import hashlib
import json
import os
import threading
from pathlib import Path
from typing import IO, Any

from alambique.errors import ServiceError
from alambique.inference.label_scores import Reply

ANSWERS = "answers.jsonl"


class BudgetSpentError(ServiceError):
    """No request is left."""


class KeptAnswers:
    """A file of answers, and how many requests were made for them; used by several threads.

    Attributes:
        replies: by the id of the question.
        forms: the form of request that a service took, by the id of the service.
        requests: how many were made, those that failed included.

    Example:
        >>> from pathlib import Path
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     kept = KeptAnswers(Path(folder) / "asked")
        ...     kept.spend()
        ...     kept.keep("question 1", Reply("good"))
        ...     kept.close()
        ...     again = KeptAnswers(Path(folder) / "asked")  # as after a kill
        >>> again.replies["question 1"].text, again.requests
        ('good', 1)
    """

    def __init__(self, folder: Path, *, most: int | None = None) -> None:
        """Read what is there; a line that is damaged, or that a kill cut short, is left out.

        Args:
            folder: of the file; both are made with the first line.
            most: requests, those made before included; None for any number.
        """
        self.path, self.most = folder / ANSWERS, most
        self.requests = 0
        self.replies: dict[str, Reply] = {}
        self.forms: dict[str, int] = {}
        self._lock = threading.Lock()
        self._stream: IO[str] | None = None
        if self.path.is_file():
            with self.path.open(encoding="utf-8", errors="replace") as stream:
                for line in stream:
                    self._take(line)

    def _take(self, line: str) -> None:
        digest, _, text = line.rstrip("\n").partition(" ")
        if digest != _digest(text):
            return
        values = json.loads(text)
        if "sent" in values:
            self.requests += 1
        elif "form" in values:
            self.forms[values["service"]] = values["form"]
        else:
            self.replies[values["id"]] = Reply.of_json(values)

    def spend(self) -> None:
        """Count a request, before it is made.

        Raises:
            BudgetSpentError: none is left.
        """
        with self._lock:
            if self.most is not None and self.requests >= self.most:
                raise BudgetSpentError("no request is left")
            self.requests += 1
            self._write({"sent": self.requests}, sync=False)  # a kill does not lose it, and an answer follows

    def keep(self, question: str, reply: Reply) -> None:
        """Write an answer down at once."""
        with self._lock:
            self._write({"id": question, **reply.as_json()})
            self.replies[question] = reply

    def keep_form(self, service: str, form: int) -> None:
        """Write down which form of request a service takes."""
        with self._lock:
            self._write({"service": service, "form": form})
            self.forms[service] = form

    def _write(self, values: dict[str, Any], *, sync: bool = True) -> None:
        stream, text = self._open(), json.dumps(values)
        stream.write(f"{_digest(text)} {text}\n")
        stream.flush()
        if sync:
            os.fsync(stream.fileno())

    def _open(self) -> IO[str]:
        if self._stream is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)  # ``asked/1`` perhaps before ``asked``
            self._stream = self.path.open("a", encoding="utf-8")
            if self._stream.tell():
                self._stream.write("\n")  # the last line may have been cut short
        return self._stream

    def close(self) -> None:
        """Close the file."""
        if self._stream is not None:
            self._stream.close()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
