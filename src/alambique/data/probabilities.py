"""Probabilities (or logits) of the rows from a file, made by anything: rows found by id or text, values by label name."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from alambique.artefacts.splits import Split, Splits
from alambique.data.files import read_table
from alambique.data.label_columns import LOGITS, PROBABILITIES, LabelColumns, NoValuesError, find_label_columns
from alambique.data.table import Table, listed
from alambique.errors import DataError
from alambique.recipe.problems import listed as all_problems
from alambique.run.integrity import file_hash

KEY = "teacher.probabilities"
SMALLEST = 1e-6  # a probability of 0 has no finite logit; files have six digits at most
_ROUNDING = 0.005  # of a probability with two digits
_SHOWN = 3  # rows in a message
_ID = "id"
Row = tuple[str, ...]


@dataclass(frozen=True)
class ProbabilityFile:
    """What a file says of the rows.

    Attributes:
        path: the file.
        digest: SHA-256 of what it holds.
        logits: by split, (rows, C) float32 in the order of rows and labels; of probabilities, their logarithms.
        kind: ``logits`` or ``probabilities``: how the values were read.
        by_position: whether lists without names were taken to be in the order of the labels.
    """

    path: Path
    digest: str
    logits: Mapping[str, np.ndarray]
    kind: str
    by_position: bool = False


def read_probabilities(path: Path, splits: Splits, text: tuple[str, ...]) -> ProbabilityFile:
    """Read the values of all rows of train, valid and test; other rows of the file do not matter.

    A row is found by its id where the file has a column ``id`` with ids of the run, else by its text: the columns that the
    data has, spaces aside. Values are probabilities if the name of their column says so or most rows sum to one, and else
    logits.

    Args:
        path: CSV, TSV, JSON Lines, Parquet.
        splits: the rows and the labels.
        text: names of the columns of text.

    Raises:
        DataError: names all rows that are missing, stand twice with different values, or have none that can be used.
    """
    digest = file_hash(path) if path.is_file() else ""
    try:
        table = read_table(path)
    except DataError as error:
        raise DataError(f"{KEY}: {error}") from error
    keys, columns = _keys(table, splits, text)
    try:
        values = find_label_columns(table, splits.label_names, {_ID, *columns})
    except NoValuesError as error:
        raise DataError(f"{KEY}: {path}: {error}.") from error
    places: dict[Row, list[int]] = {}
    for place, key in enumerate(keys):
        places.setdefault(key, []).append(place)
    wanted = {split.name: _wanted(split, by_id=not columns) for split in splits}
    problems = [
        problem for split in splits if (problem := _missing(split, wanted[split.name], places, by_id=not columns))
    ]
    used = dict.fromkeys(key for key in chain.from_iterable(wanted.values()) if key in places)
    rows = _values(values, [place for key in used for place in places[key]])
    kind = values.kind or _kind_of(rows.good)
    problems += [*rows.problems(table), *_unlike(table, used, places, rows.good)]
    if kind == PROBABILITIES:
        problems += _not_probabilities(table, rows.good)
    if problems:
        raise DataError(all_problems(problems, f"{KEY}: {path}"))
    classes = len(splits.label_names)
    logits = {name: _logits([rows.good[places[key][0]] for key in of], kind, classes) for name, of in wanted.items()}
    return ProbabilityFile(path, digest, logits, kind, rows.by_position)


def _wanted(split: Split, *, by_id: bool) -> list[Row]:
    return [(row_id,) for row_id in split.ids] if by_id else [_plain(row) for row in split.contents()]


def _plain(row: Sequence[str | None]) -> Row:
    return tuple(" ".join((cell or "").split()) for cell in row)


def _keys(table: Table, splits: Splits, text: tuple[str, ...]) -> tuple[list[Row], tuple[str, ...]]:
    """What the file knows each of its rows by, and the columns of text that this is; none for ids.

    Raises:
        DataError: it has neither ids of the run nor the texts.
    """
    ids = table.columns.get(_ID)
    if ids is not None:
        known = {row_id for split in splits for row_id in split.ids}
        if any(row_id in known for row_id in ids):
            return [(row_id or "",) for row_id in ids], ()
    columns = text if all(name in table.columns for name in text) else ("text",) if len(text) == 1 else text
    if all(name in table.columns for name in columns):
        return [_plain(row) for row in zip(*(table.columns[name] for name in columns), strict=True)], columns
    needs = f"column {text[0]!r} with the texts" if len(text) == 1 else f"columns {listed(text)} with the texts"
    own = f"its column {_ID!r} has none" if ids is not None else f"there is no column {_ID!r}"
    raise DataError(
        f"{KEY}: {table.where}: its rows cannot be found in the data. It needs the {needs}, or the row ids of a run, "
        f"such as {splits.train.ids[0]} (in data/train.parquet of the run): {own}. Its columns are "
        f"{listed(table.all_names)}."
    )


def _missing(split: Split, wanted: list[Row], places: Mapping[Row, list[int]], *, by_id: bool) -> str | None:
    absent = [row for row, key in enumerate(wanted) if key not in places]
    if not absent:
        return None
    shown = [
        split.ids[row] if by_id else f"{split.ids[row]} ({_short(' | '.join(wanted[row]))})" for row in absent[:_SHOWN]
    ]
    return f"{len(absent)} of {len(split)} rows of {split.name} are not in it, such as {', '.join(shown)}."


@dataclass(frozen=True)
class _Values:
    """Values by row of the file, and what is wrong with the others."""

    good: dict[int, np.ndarray]
    bad: dict[int, str]
    by_position: bool

    def problems(self, table: Table) -> list[str]:
        return _some((f"{_line(table, row)}: {reason}" for row, reason in self.bad.items()), len(self.bad))


def _values(columns: LabelColumns, rows: list[int]) -> _Values:
    good, bad, by_position = {}, {}, False
    for row in sorted(rows):
        try:
            good[row], ordered = columns.values(row)
            by_position = by_position or ordered
        except NoValuesError as error:
            bad[row] = f"{error}."
    return _Values(good, bad, by_position)


def _kind_of(values: Mapping[int, np.ndarray]) -> str:
    """Probabilities if at least half of the rows are, or all values lie between 0 and 1 or 100 as percentages do."""
    if not values:
        return PROBABILITIES
    rows = np.array(list(values.values()))
    sums, between = rows.sum(1), rows.min() >= 0
    likely = (rows.min(1) >= 0) & (np.abs(sums - 1) <= _tolerance(rows.shape[1]))
    percent = between and np.median(np.abs(sums - 100)) <= 100 * _tolerance(rows.shape[1])
    return PROBABILITIES if likely.mean() >= 0.5 or percent or (between and rows.max() <= 1) else LOGITS  # noqa: PLR2004


def _tolerance(classes: int) -> float:
    return max(2 * _ROUNDING, _ROUNDING * classes)


def _not_probabilities(table: Table, values: Mapping[int, np.ndarray]) -> list[str]:
    wrong = []
    for row, of_row in values.items():
        if of_row.min() < 0:
            wrong.append(f"{_line(table, row)}: the probability {of_row.min():g} is less than 0.")
        elif abs(of_row.sum() - 1) > _tolerance(len(of_row)):
            percent = (
                " Write percentages as fractions." if abs(of_row.sum() - 100) <= 100 * _tolerance(len(of_row)) else ""
            )
            wrong.append(f"{_line(table, row)}: the probabilities sum to {of_row.sum():.4g}, not to 1.{percent}")
    return _some(wrong, len(wrong))


def _unlike(
    table: Table, used: Iterable[Row], places: Mapping[Row, list[int]], values: Mapping[int, np.ndarray]
) -> list[str]:
    """Rows that stand more than once with different values."""
    wrong = []
    for key in used:
        first, *others = places[key]
        read = [other for other in others if other in values and first in values]
        other = next((other for other in read if not np.allclose(values[other], values[first])), None)
        if other is not None:
            wrong.append(
                f"lines {table.lines[first]} and {table.lines[other]}: the same row ({_short(' | '.join(key))}) with "
                "different values."
            )
    return _some(wrong, len(wrong))


def _logits(values: list[np.ndarray], kind: str, classes: int) -> np.ndarray:
    rows = np.array(values).reshape(len(values), classes)  # of a trial's test, which has no rows, too
    if kind == LOGITS:
        return rows.astype(np.float32)
    return np.log(np.maximum(rows / rows.sum(1, keepdims=True), SMALLEST)).astype(np.float32)


def _some(problems: Iterable[str], count: int) -> list[str]:
    first = [problem for problem, _ in zip(problems, range(_SHOWN), strict=False)]
    return [*first, f"{count - _SHOWN} more rows like the last."] if count > _SHOWN else first


def _line(table: Table, row: int) -> str:
    return f"line {table.lines[row]}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")  # noqa: PLR2004
