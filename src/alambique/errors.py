"""Errors for people: what is wrong, where, and what to do.

Everything a user can cause derives from :class:`AlambiqueError`; the command line prints its message without a
traceback and exits with its ``exit_status``.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class AlambiqueError(Exception):
    """Base class of all errors with a message for the user; ``exit_status`` is that of the command line.

    Example:
        >>> from alambique import Recipe
        >>> from alambique.errors import AlambiqueError
        >>> try:
        ...     Recipe.load("quickstart", ("distillation.temperature=hot",))
        ... except AlambiqueError as error:
        ...     print(error.exit_status, error)
        2 Recipe quickstart with --set has a problem:
          distillation.temperature: must be a number, not 'hot'.
    """

    exit_status = 1


class UserInputError(AlambiqueError):
    """The input is at fault; a run folder that this command created is removed if no stage was finished in it."""

    exit_status = 2


class RecipeError(UserInputError):
    """A recipe cannot be read or contradicts itself; the message lists every problem."""


class DataError(UserInputError):
    """A data file or its contents do not fit the recipe."""


class ModelError(UserInputError):
    """A checkpoint is missing, incomplete, or does not fit the data."""


class MisfitError(ModelError):
    """A model that cannot be used for what it is like; the doctor reports it as a finding.

    Args:
        code: short and stable, as a finding has it.
        where: the key of the recipe.
        problem: what is wrong, as a sentence.
        advice: what to do.
    """

    def __init__(self, code: str, where: str, problem: str, advice: str) -> None:
        """See the class."""
        super().__init__(f"{where}: {problem} {advice}")
        self.code, self.where, self.problem, self.advice = code, where, problem, advice


class RunFolderError(UserInputError):
    """The run folder is incomplete, not a run, or contains other files."""


class WeakTeacherError(AlambiqueError):
    """A newly trained teacher is not better than guessing; it stays on disk."""


class ServiceError(AlambiqueError):
    """A service on the network keeps failing, or may not be asked any more; what it answered so far is kept."""


class ClusterError(AlambiqueError):
    """The Ray cluster is lost or does not start, or its workers keep dying; what they finished is kept."""


class SweepError(AlambiqueError):
    """No trial of a sweep could be finished."""


class FrontierError(AlambiqueError):
    """No student of a frontier could be trained."""


class BudgetError(UserInputError):
    """No student of a frontier meets the budget; the students and the report are kept."""


class CorruptArtefactError(AlambiqueError):
    """A stored artefact does not match its manifest; it is not used."""

    exit_status = 2


class DiskError(AlambiqueError):
    """The run folder cannot be written: the disk is full, read-only or broken. Finished stages stay on disk."""


class OutOfMemoryError(AlambiqueError):
    """The machine does not have enough memory for the recipe."""


class NonFiniteError(AlambiqueError):
    """A loss, gradient or logit is NaN or infinite; the checkpoints before it stay on disk."""


class ExportError(AlambiqueError):
    """A model cannot be exported; nothing is stored of the attempt, and the model in PyTorch is as good as it was."""


class ParityError(ExportError):
    """An exported model does not match the model in PyTorch; it is not stored."""


class AddressError(AlambiqueError):
    """The address to serve on is not available: a port in use, or a host that is not this machine."""


class OutputError(AlambiqueError):
    """Standard output cannot be written: the disk of the file that it goes to is full, for example."""


def missing_extra(what: str, package: str | None, extra: str) -> UserInputError:
    """The error of a command or option whose package is not installed, and comes with an extra of Alambique."""
    return UserInputError(
        f"{what} needs {package}, which is not installed. To have it: pip install 'alambique[{extra}]'"
    )


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or the name of its type where it has none; 300 characters at most."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def closest(name: str, names: Iterable[str]) -> str:
    """``. Did you mean X?`` with the name that is closest, to end a message with; empty where none is close."""
    close = get_close_matches(name, list(names), n=1)
    return f". Did you mean {close[0]}?" if close else ""
