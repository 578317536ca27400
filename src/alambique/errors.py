"""Errors for people: what is wrong, where, and what to do.

Everything a user can cause derives from :class:`AlambiqueError`; the command line prints its message without a
traceback and exits with its ``exit_status``.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class AlambiqueError(Exception):
    """Base of all errors that carry a message for the user.

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
    """The input is at fault: nothing of the run is kept if this command created it."""

    exit_status = 2


class RecipeError(UserInputError):
    """A recipe that cannot be read or contradicts itself; the message lists every problem found."""


class DataError(UserInputError):
    """A data file, or what it holds, does not fit the recipe."""


class ModelError(UserInputError):
    """A checkpoint is missing, incomplete, or does not fit the data."""


class RunFolderError(UserInputError):
    """The run folder is somebody else's, incomplete, or not a run."""


class WeakTeacherError(AlambiqueError):
    """A teacher that was just trained does no better than the majority class; it is kept."""


class CorruptArtefactError(AlambiqueError):
    """A stored artefact no longer holds what its manifest says; it is not used."""

    exit_status = 2


class DiskError(AlambiqueError):
    """The run folder cannot be written: the disk is full, read-only or broken. What is done is kept."""


class OutOfMemoryError(AlambiqueError):
    """The machine has not enough memory for what the recipe asks."""


class NonFiniteError(AlambiqueError):
    """A loss, gradient or logit is not a finite number; what was good before is kept."""


class ParityError(AlambiqueError):
    """An exported model does not do what the model in PyTorch does, and is not kept."""


class AddressError(AlambiqueError):
    """The address to serve on cannot be had: a port in use, or a host that is not this machine."""


def first_line(error: BaseException) -> str:
    """The first line of an error's text, or the name of its type where it has none; 300 characters at most."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def closest(name: str, names: Iterable[str]) -> str:
    """``. Did you mean X?`` with the name that is closest, to end a message with; empty where none is close."""
    close = get_close_matches(name, list(names), n=1)
    return f". Did you mean {close[0]}?" if close else ""
