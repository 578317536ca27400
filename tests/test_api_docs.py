"""docs/api.md is made from the docstrings of the public names, whose examples run."""

import doctest
import runpy
import shutil
from pathlib import Path

import pytest

import alambique

ROOT = Path(__file__).parents[1]
GENERATOR = runpy.run_path(str(ROOT / "docs" / "make_api.py"))
PUBLIC = [name for names in GENERATOR["PUBLIC"].values() for name in names]


def test_the_page_is_the_generated_one(capsysbinary):
    runpy.run_path(str(ROOT / "docs" / "make_api.py"), run_name="__main__")
    assert (ROOT / "docs" / "api.md").read_text("utf-8") == capsysbinary.readouterr().out.decode(), (
        "write it again: python docs/make_api.py > docs/api.md"
    )


def test_what_the_package_exports_is_public():
    assert {name.removeprefix("alambique.") for name in PUBLIC if name.count(".") == 1} == (
        set(alambique.__all__) - {"__version__"}
    )
    assert len(PUBLIC) == len(set(PUBLIC))


@pytest.mark.parametrize("name", PUBLIC)
def test_the_example_of_each_public_name_runs(name, request, tmp_path, monkeypatch):
    """Each example brings its own imports; ``runs/mine`` is a finished run."""
    if name.endswith(".open_classifier"):
        shutil.copytree(request.getfixturevalue("exported")[0], tmp_path / "runs" / "mine")
    monkeypatch.chdir(tmp_path)
    thing = GENERATOR["resolve"](name)
    parts = [
        test
        for test in doctest.DocTestFinder(recurse=False).find(thing, name, globs={"__name__": "__main__"})
        if test.examples
    ]
    assert parts, f"{name} has no example in its docstring"
    failures = []
    runner = doctest.DocTestRunner(verbose=False)
    for part in parts:
        runner.run(part, out=failures.append)
    assert not failures, "".join(failures)


def test_an_entry_of_a_function_by_hand():
    def scaled(values: "list[float]", *, factor: float = 2.0) -> "list[float]":
        """Multiply each value, see :func:`alambique.distill`.

        Args:
            values: any
                number of them.
            factor: above 0.

        Raises:
            ValueError: ``factor`` is not above 0.

        Example:
            >>> scaled([1.0])
            [2.0]

            >>> scaled([])
            []
        """

    assert GENERATOR["signature"](scaled) == "scaled(values: list[float], *, factor: float = 2.0) -> list[float]"
    assert GENERATOR["describe"](scaled) == (
        "Multiply each value, see [`distill`](#distill).\n\n"
        "**Arguments**\n\n- `values`: any number of them.\n- `factor`: above 0.\n\n"
        "**Raises**\n\n- `ValueError`: `factor` is not above 0.\n\n"
        "**Example**\n\n```python\n>>> scaled([1.0])\n[2.0]\n\n>>> scaled([])\n[]\n```"
    )


def test_an_entry_of_a_class_by_hand():
    class Base:
        def run(self):
            """Run."""

    class Box(Base):
        """A box."""

        def __init__(self, width: int, *sides: int, **rest: object) -> None:
            """See the class."""

        @property
        def area(self) -> float:
            """Its area."""
            return 0.0

        def run(self):
            """Run, as the base does."""

        def _hidden(self):
            """Not public."""

    assert GENERATOR["signature"](Box) == "class Box(width: int, *sides, **rest)"
    assert [(name, GENERATOR["signature"](method, name)) for name, method in GENERATOR["_methods"](Box)] == [
        ("area", "area: float")
    ]
