import inspect

import pytest

from alambique import errors
from alambique.errors import AlambiqueError, DataError, closest, first_line, missing_extra

INPUT_AT_FAULT = {
    "UserInputError",
    "RecipeError",
    "BudgetError",
    "DataError",
    "ModelError",
    "MisfitError",
    "RunFolderError",
    "CorruptArtefactError",
}


def test_the_exit_status_of_every_error():
    own = {
        name: each for name, each in inspect.getmembers(errors, inspect.isclass) if each.__module__ == errors.__name__
    }
    assert {name: each.exit_status for name, each in own.items()} == {
        name: 2 if name in INPUT_AT_FAULT else 1 for name in own
    }
    assert set(own) > INPUT_AT_FAULT
    assert all(issubclass(each, AlambiqueError) for each in own.values())


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DataError("one line"), "one line"),
        (ValueError("\n  first\nsecond"), "first"),
        (KeyError(), "KeyError"),
        (RuntimeError(" \n "), "RuntimeError"),
        (RuntimeError("x" * 301), "x" * 300),
    ],
)
def test_the_first_line_of_an_error(error, line):
    assert first_line(error) == line


@pytest.mark.parametrize(
    ("name", "hint"), [("lair", ". Did you mean liar?"), ("quick", ". Did you mean quickstart?"), ("zzz", "")]
)
def test_the_closest_name_ends_a_message(name, hint):
    assert closest(name, iter(("liar", "liar-three", "quickstart"))) == hint


def test_an_extra_that_is_missing_is_named():
    assert str(missing_extra("alambique serve", "uvicorn", "serve")) == (
        "alambique serve needs uvicorn, which is not installed. To have it: pip install 'alambique[serve]'"
    )
