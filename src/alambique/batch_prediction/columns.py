"""Which columns of the input a model reads, and what each row gives it: segments, or a reason why there are none."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from alambique.artefacts.splits import Split
from alambique.data.liar import HUB_NAMES, is_liar
from alambique.data.load import unnumbered_split
from alambique.data.table import Table, as_text, listed
from alambique.errors import DataError, UserInputError, closest
from alambique.losses.no_label import NO_LABEL
from alambique.recipe.sections import Data

LABEL, PROBABILITY, SCORES, NOT_CLASSIFIED = "label", "probability", "scores", "not_classified"
LABELS = "labels"  # in the place of label and probability, where texts have any number of labels
_KINDS = ((bool, "a truth value"), (int | float, "a number"), (list, "a list"), (dict, "an object"))


@dataclass(frozen=True)
class AddedColumns:
    """The columns that predictions add to those of the input.

    Attributes:
        prefix: before each of their names.
        scores: whether the probability of each label is among them.
        several: whether a text has any number of labels.
    """

    prefix: str = ""
    scores: bool = False
    several: bool = False

    @property
    def not_classified(self) -> str:
        """The column that says why a row was not classified; null in the others."""
        return self.prefix + NOT_CLASSIFIED

    def types(self, labels: Sequence[str]) -> dict[str, pa.DataType]:
        """Their names and types, in order."""
        scores = {SCORES: pa.struct([(label, pa.float32()) for label in labels])} if self.scores else {}
        decided = {LABELS: pa.list_(pa.string())} if self.several else {LABEL: pa.string(), PROBABILITY: pa.float32()}
        plain = {**decided, **scores, NOT_CLASSIFIED: pa.string()}
        return {self.prefix + name: kind for name, kind in plain.items()}

    def check(self, names: Sequence[str]) -> None:
        """Refuse columns of the input that have the name of one of these.

        Raises:
            UserInputError: there are some.
        """
        taken = [name for name in self.types(()) if name in names]
        if taken:
            raise UserInputError(
                f"The input has a column {taken[0]!r} already, which is what the predictions would be called. Put something "
                f"before their names, as in --prefix predicted_."
            )


def text_of(data: Data, names: Sequence[str], chosen: Sequence[str]) -> Data:
    """The recipe's section with the columns of text by the names that they have in the input.

    Args:
        data: the recipe's section.
        names: of the columns of the input.
        chosen: of the text, where the user says it (``--text``).

    Raises:
        UserInputError: the user names one column for a model of pairs, or the other way round.
    """
    if chosen and len(chosen) != len(data.text):
        count = "two columns of text" if len(data.text) > 1 else "one column of text"
        raise UserInputError(
            f"--text: the model was trained on {count} ({listed(data.text)}); {len(chosen)} are named."
        )
    own = {HUB_NAMES.get(name, name): name for name in names} if _is_liar(names) else {}
    here = {
        "text": tuple(chosen) or tuple(own.get(name, name) for name in data.text),
        "metadata": tuple(own.get(name, name) for name in data.metadata),
    }
    return data.model_copy(update=here)


def check_text(where: str, schema: pa.Schema, data: Data) -> None:
    """Check that a file has the columns that the model reads.

    Args:
        where: the file.
        schema: of its columns.
        data: as :func:`text_of` gives it.

    Raises:
        DataError: it lacks one, or a column of text holds something else in all rows.
    """
    for name in (*data.text, *data.metadata):
        if _top(name, schema.names) is None:
            advice = " Name the column of text with --text." if name in data.text else ""
            raise DataError(
                f"{where}: there is no column {name!r}, which the model reads. The columns are "
                f"{listed(schema.names)}{closest(name, schema.names) or '.'}{advice}"
            )
    for name in data.text:
        kind = schema.field(_top(name, schema.names)).type
        if _top(name, schema.names) == name and not _is_text(kind):
            raise DataError(f"{where}: column {name!r}, which the model reads as text, is of type {kind}.")


def segments_of(table: pa.Table, data: Data, reasons: str) -> tuple[list[tuple[str, ...]], list[str | None]]:
    """What the model reads of each row, and why it cannot read those that it cannot.

    Args:
        table: the rows.
        data: as :func:`text_of` gives it.
        reasons: the column in which a reader has left reasons.

    Returns:
        one or two segments per row, and a reason or None per row.
    """
    told = table[reasons].to_pylist()
    cells = {}
    for name in data.text:
        cells[name] = [_only_text(name, value, row, told) for row, value in enumerate(_values(table, name))]
    for name in data.metadata:
        cells[name] = [as_text(value) for value in _values(table, name)]
    liar = _is_liar(table.column_names[:-1])
    if liar:  # whose columns are called in the second segment as they were in training
        cells = {HUB_NAMES.get(name, name): column for name, column in cells.items()}
        data = data.model_copy(update={"metadata": tuple(HUB_NAMES.get(name, name) for name in data.metadata)})
    return _split(cells, data, table.num_rows, liar=liar).segments(), told


def _split(cells: dict[str, list[str | None]], data: Data, rows: int, *, liar: bool) -> Split:
    table = Table("input", cells, list(range(1, rows + 1)))
    return unnumbered_split("input", table, data, np.full(rows, NO_LABEL, dtype=np.int64), liar=liar)


def kind_of_value(value: Any) -> str:
    """What a JSON value is that is not text, in words."""
    return next((words for kind, words in _KINDS if isinstance(value, kind)), type(value).__name__)


def _only_text(name: str, value: Any, row: int, told: list[str | None]) -> str | None:
    """The value if it is text; else a reason is noted, unless the row has one."""
    if isinstance(value, str):
        return as_text(value)
    if told[row] is None:
        told[row] = f"{name} is null" if value is None else f"{name} is {kind_of_value(value)}, not text"
    return None


def _values(table: pa.Table, name: str) -> list[Any]:
    """The values of a column, or of a field of the objects in one (``review.text``)."""
    top = _top(name, table.column_names) or name
    column, fields = table[top], name[len(top) + 1 :].split(".") if name != top else []
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if fields and pa.types.is_struct(column.type):
        return pc.struct_field(column, fields).to_pylist()
    values = column.to_pylist()
    return [_field(json.loads(value), fields) if value else None for value in values] if fields else values


def _field(value: Any, names: list[str]) -> Any:
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _top(name: str, names: Sequence[str]) -> str | None:
    """The column that a name stands for: its own, or that of the objects that have the field."""
    parts = name.split(".")
    return next((top for i in range(len(parts), 0, -1) if (top := ".".join(parts[:i])) in names), None)


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind) or types.is_null(kind)


def _is_liar(names: Sequence[str]) -> bool:
    return is_liar({HUB_NAMES.get(name, name) for name in names})
