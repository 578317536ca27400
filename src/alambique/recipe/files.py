"""Which file the name of a recipe means: a path, or one that is shipped."""

import os
import re
import shlex
from importlib import resources
from pathlib import Path

from alambique.errors import RecipeError

_LARGEST = 10**6  # bytes; a recipe has some dozens of lines
DATA_ENDINGS = (
    ".tsv", ".tab", ".txt", ".csv", ".jsonl", ".ndjson", ".json", ".parquet", ".arrow", ".feather",
)  # fmt: skip
PACKED = (".gz", ".bz2", ".xz", ".zst", ".zip")
_DATA_SECTION = re.compile(rb'^data:\s*$|^data:\s*\{|^\s*\{?\s*"data"\s*:\s*\{\s*"', re.MULTILINE)


def shipped_recipes() -> dict[str, str]:
    """Name → one line of description, from the first comment of each shipped recipe."""
    folder = resources.files("alambique") / "recipes"
    files = {f.name.removesuffix(".yaml"): f for f in folder.iterdir() if f.name.endswith(".yaml")}
    return {name: files[name].read_text("utf-8").split("\n", 1)[0].lstrip("# ") for name in sorted(files)}


def find_recipe(name: str | Path) -> Path:
    """The file of a recipe, by its path or as a shipped one.

    Raises:
        RecipeError: there is none, or it is data.
    """
    path = Path(name)
    if os.path.isfile(path):  # noqa: PTH113 - unlike Path.is_file it takes any name, however long or odd
        if _is_data(path):
            raise RecipeError(f"{name} is a data file, not a recipe. To write a recipe for it: {_init(name)}")
        return path
    shipped = shipped_recipes()
    if str(name) in shipped:
        return Path(str(resources.files("alambique") / "recipes" / f"{name}.yaml"))
    if os.path.isdir(name):  # noqa: PTH112 - as above
        held = path / "recipe.yaml"
        advice = (
            f"Its recipe is {held}." if held.is_file() else f"If it holds data, write a recipe for it: {_init(name)}"
        )
        raise RecipeError(f"{name} is a folder, not a recipe. {advice}")
    known = ", ".join(shipped)
    raise RecipeError(f"{name} is neither a recipe file nor a shipped recipe. The shipped ones are {known}.")


def _init(name: str | Path) -> str:
    return shlex.join(["alambique", "init", str(name)])


def _is_data(file: Path) -> bool:
    """Whether a file is named as data are, and does not begin a section ``data`` as a recipe of such a name would."""
    name = file.name.lower()
    plain = next((name.removesuffix(ending) for ending in PACKED if name.endswith(ending)), name)
    if not plain.endswith(DATA_ENDINGS):
        return False
    try:
        with file.open("rb") as stream:
            return _DATA_SECTION.search(stream.read(_LARGEST)) is None
    except OSError:
        return False


def text_of(file: Path) -> str:
    """The text of a recipe.

    Raises:
        RecipeError: it is too large, not UTF-8, or cannot be read.
    """
    try:
        if file.stat().st_size > _LARGEST:
            raise RecipeError(f"{file} is not a recipe: it is larger than {_LARGEST // 10**6} MB.")
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{file} is not a recipe: it is not UTF-8 text.") from error
    except OSError as error:
        raise RecipeError(f"{file} cannot be read: {error.strerror}.") from error
