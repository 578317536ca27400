"""Look at data that nobody has described: how it is read, which columns matter, what the labels and the texts are."""

import codecs
import contextlib
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from alambique.artefacts.splits import Splits
from alambique.data.column_names import UNNAMED, is_known
from alambique.data.encodings import guess_encoding
from alambique.data.files import Table, kind_of
from alambique.data.formats.arrow import is_arrow, is_parquet
from alambique.data.formats.content import decode, read_content
from alambique.data.formats.dialect import Chooser
from alambique.data.label_set_roles import find_label_sets
from alambique.data.liar import HUB_NAMES, is_liar
from alambique.data.lint import look_alike_labels
from alambique.data.load import find_source, load_splits, locate
from alambique.data.roles import Roles, choose_roles, is_header
from alambique.data.sources import SubsetsError
from alambique.data.spelling import look_alikes
from alambique.data.table import Reading
from alambique.errors import DataError
from alambique.hub import is_id
from alambique.recipe.sections import Data

_NONE = "\0"  # a column that no file has: all columns are read then
_FORMS = ("csv", "tsv")
_SAMPLE = 20_000  # texts that are measured
_LONGEST_WORD = 6  # characters of a piece that word pieces leave whole, in the mean
_PIECES = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+|[^\w\s]")
_ENGLISH = "the of and to is it that for was with this be are you not but have they at or an"
_OTHER_WORDS = (
    "que uma um para com os das dos em por mais mas foi muito el la los las y es una del con pero le les des et est une "
    "dans pour pas qui der die das und ist nicht ein eine mit il che di per non sono de het een van niet"
)  # of Portuguese, Spanish, French, German, Italian, Dutch
_OTHER_LETTERS = 0.025
_MOST_GROUPED = 50  # labels


@dataclass(frozen=True)
class Inspection:
    """What was found.

    Attributes:
        data: the section of a recipe that reads it.
        reading: how the train files were read.
        roles: the columns that were chosen, and what else may be meant.
        subsets: of a source with several, of which the first was chosen.
        is_liar: whether the columns are those of LIAR, for which there are shipped recipes.
        rows: of each split that the source has.
        labels: label → rows, over all of these splits, the most frequent first.
        tokens: an estimate of the length of each text in word pieces, special tokens included, sorted.
        english: whether the texts seem to be in English.
        notes: what else the user should know.
        fault: why the data cannot be used yet; None if it can.
    """

    data: Data
    reading: Reading
    roles: Roles
    subsets: tuple[str, ...]
    is_liar: bool
    rows: dict[str, int]
    labels: dict[str, int]
    tokens: tuple[int, ...]
    english: bool
    notes: tuple[str, ...]
    fault: str | None


def inspect(source: str) -> Inspection:
    """Look at a file, a folder, or a data set on the Hub.

    Args:
        source: as ``data.source`` of a recipe.

    Raises:
        DataError: it cannot be read, or has no columns of text and labels.
        UserInputError: a Hub id that cannot be had.
    """
    if not os.path.lexists(os.path.expanduser(source)) and (not is_id(source) or kind_of(source)):  # noqa: PTH111 - any name
        raise DataError(f"There is no file or folder {source}.")
    data = Data(source=source, text=(_NONE,), label=f"{_NONE}{_NONE}")
    data, subsets = _with_subset(data)
    data = data.model_copy(update={"encoding": _encoding(data)})
    tables, data = _tables(data)
    sets = None if data.columns else find_label_sets(tables)  # columns without names say too little
    roles = choose_roles(tables, sets)
    if data.columns:
        roles, data = _named(roles, data)
        tables = locate(data)()
    labels = {"label": roles.label} if sets is None else {"label": sets.label, **sets.keys}
    data = data.model_copy(update={"text": roles.text, **labels})
    data, splits, fault = _loaded(data, tables)
    texts = _texts(tables["train"], roles.text)
    names = {HUB_NAMES.get(name, name) for name in tables["train"].all_names}
    return Inspection(
        data, tables["train"].reading, roles, subsets, is_liar(names), {s: len(t) for s, t in tables.items()},
        _label_counts(splits, tables, data.label_columns), tuple(sorted(map(estimated_tokens, texts))), _is_english(texts),
        _notes(splits, tables), fault,
    )  # fmt: skip


def estimated_tokens(text: str) -> int:
    """Estimate the length of a text in word pieces, with the two special tokens.

    Without a tokenizer: a word of up to six characters is one, a longer one more; a character of Chinese or Japanese is one.

    Example:
        >>> from alambique.data.inspect import estimated_tokens
        >>> estimated_tokens("The lamp, unfortunately, broke.")  # the lamp , unfor tuna tely , broke . and two
        11
    """
    return 2 + sum(-(-len(piece) // _LONGEST_WORD) for piece in _PIECES.findall(text))


def _with_subset(data: Data) -> tuple[Data, tuple[str, ...]]:
    try:
        find_source(data.source, data)
    except SubsetsError as error:
        return data.model_copy(update={"subset": error.names[0]}), tuple(error.names)
    return data, ()


def _encoding(data: Data) -> str:
    """The encoding of the first file that is not UTF-8 and has no mark that says what it is."""
    found = find_source(data.source, data)
    documents = [path for classes in found.documents.values() for paths in classes.values() for path in paths]
    for path in (*(path for paths in found.tables.values() for path in paths), *documents):
        if path.is_file():
            content = read_content(path)
            binary = is_parquet(content.raw) or is_arrow(content.raw)
            encoding = None if binary or not content.raw or _marked(content.raw) else guess_encoding(content.raw)
            if encoding is not None:
                return encoding
    return data.encoding


def _marked(raw: bytes) -> bool:
    return raw.startswith((codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))


def _tables(data: Data) -> tuple[dict[str, Table], Data]:
    """All columns of all splits; where a file has no header row, ``data.columns`` has placeholders for their names."""
    try:
        tables = locate(data)()
        first = tables["train"]
        if first.reading.form not in _FORMS or not first.reading.header or "row_names" in first.all_names:
            return tables, data
        if is_header(first.all_names, first):
            return tables, data
        count = len(first.all_names)
    except DataError:
        count = _fields_under_a_doubled_name(data)
        if not count:
            raise
    data = data.model_copy(update={"columns": tuple(f"{UNNAMED}_{place}" for place in range(1, count + 1))})
    return locate(data)(), data


def _fields_under_a_doubled_name(data: Data) -> int:
    """Number of fields of a delimited file in whose first row a value stands twice, which no header has; else 0."""
    path = next(iter(find_source(data.source, data).tables.get("train", ())), None)
    if path is None or not path.is_file():
        return 0
    content = read_content(path)
    if is_parquet(content.raw) or is_arrow(content.raw):
        return 0
    text = decode(content, data.encoding)
    first = next(Chooser(text).choose().dialect.rows(text.lines()), (0, []))[1]
    filled = [cell.strip() for cell in first if cell.strip()]
    return len(first) if len(set(filled)) < len(filled) and not any(map(is_known, filled)) else 0


def _named(roles: Roles, data: Data) -> tuple[Roles, Data]:
    """Name the columns of a file without a header by what they hold."""
    texts = ("text",) if len(roles.text) == 1 else ("text_1", "text_2")
    names = {roles.label: "label", **dict(zip(roles.text, texts, strict=True))}
    return replace(roles, text=texts, label="label"), data.model_copy(
        update={"columns": tuple(names.get(name, name) for name in data.columns)}
    )


def _loaded(data: Data, tables: dict[str, Table]) -> tuple[Data, Splits | None, str | None]:
    """Load the data as a run would; where test spells train's labels in another way, with groups that make them the same."""
    try:
        return data, load_splits(data, lambda: dict(tables)), None
    except DataError as error:
        fault = str(error)
    if not isinstance(data.label, str):
        return data, None, fault
    counts = _label_counts(None, tables, (data.label,))
    groups = {name: name for name in counts}
    for alike in look_alikes(tuple(counts)):
        groups |= dict.fromkeys(alike.names, max(alike.names, key=counts.__getitem__))
    if len(set(groups.values())) < len(groups) <= _MOST_GROUPED:
        merged = data.model_copy(update={"label_groups": groups})
        with contextlib.suppress(DataError):
            return merged, load_splits(merged, lambda: dict(tables)), None
    return data, None, fault


def _notes(splits: Splits | None, tables: dict[str, Table]) -> tuple[str, ...]:
    if splits is None:
        return tuple(dict.fromkeys(note for table in tables.values() for note in table.reading.notes))
    alike = tuple(f"{finding.message} data.label_groups can merge them." for finding in look_alike_labels(splits))
    return (*(note for note in splits.notes if "data.split_seed" not in note), *alike)  # of splits, the rows tell


def _texts(train: Table, columns: tuple[str, ...]) -> list[str]:
    cells = zip(*(train.columns[name] for name in columns), strict=True)
    texts = [" ".join(cell or "" for cell in row) for row in cells]
    return texts[:: max(1, len(texts) // _SAMPLE)]


def _label_counts(splits: Splits | None, tables: dict[str, Table], columns: tuple[str, ...]) -> dict[str, int]:
    counts: Counter[str] = Counter()
    if splits is not None:
        for of_split in splits.counts().values():
            counts.update({name: rows for name, rows in of_split.items() if rows})
    else:
        for table in tables.values():
            for label in columns:
                counts.update(cell.strip() for cell in table.columns.get(label, ()) if cell and cell.strip())
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _is_english(texts: Sequence[str]) -> bool:
    """Whether nothing speaks against it: letters of other alphabets, accents, the usual words of other languages."""
    sample = [text[:2000].lower() for text in texts[:2000]]
    letters = [character for text in sample for character in text if character.isalpha()]
    if sum(not letter.isascii() for letter in letters) > _OTHER_LETTERS * len(letters):
        return False
    words = Counter(word for text in sample for word in re.findall(r"[^\W\d_]+", text))
    english, others = (sum(words[word] for word in usual.split()) for usual in (_ENGLISH, _OTHER_WORDS))
    return english >= others
