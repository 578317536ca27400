"""Whatever an exporter, a runtime or a quantiser raises, as one sentence: each library has exceptions of its own."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alambique.errors import AlambiqueError, ExportError, first_line
from alambique.run.system_errors import explain_system_error

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@contextmanager
def refused_by_a_library(problem: str, folder: Path) -> Iterator[None]:
    """Raise what a library raises in the block as an :class:`ExportError`, with the first line of its cause.

    Messages for people stay as they are, and so does what the machine runs out of: memory, or the disk of ``folder``.

    Args:
        problem: what could not be done, in words, such as "a BertModel cannot be exported".
        folder: what is being written to.

    Raises:
        ExportError: a library could not do it.
    """
    try:
        yield
    except AlambiqueError:
        raise
    except Exception as error:
        if explain_system_error(error, folder) is not None:
            raise
        raise ExportError(f"{problem} ({reason(error)})") from error


def reason(error: BaseException) -> str:
    """The type and the first line of what an error was raised from, without colours, and without a period at its end."""
    while error.__cause__ is not None:
        error = error.__cause__
    name, line = type(error).__name__, _COLOURS.sub("", first_line(error)).strip().rstrip(". ")
    return line if line == name else f"{name}: {line}"
