"""What the workers of a Ray cluster are given to do."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from alambique.errors import AlambiqueError


@dataclass
class Task:
    """What a worker is given.

    Attributes:
        content: sent to it.
        rows: how many it has.
        attempts: whose worker died.
        shown: of its rows, how many were shown as done.
    """

    content: Any
    rows: int
    attempts: int = 0
    shown: int = 0


class Source:
    """Tasks as they come. An error in their place is kept until those before it are done."""

    def __init__(self, tasks: Iterable[tuple[Any, int]]) -> None:
        """Take none yet."""
        self.tasks, self.taken, self.ended = iter(tasks), 0, False
        self.error: AlambiqueError | None = None

    def take(self) -> Task | None:
        """The next; None if there is none."""
        if self.ended:
            return None
        try:
            content, rows = next(self.tasks)
        except StopIteration:
            self.ended = True
            return None
        except AlambiqueError as error:
            self.ended, self.error = True, error
            return None
        self.taken += 1
        return Task(content, rows)
