"""Token ids of many rows in one flat array, in memory or mapped from disk, and padded batches made of them."""

import json
import mmap
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from alambique.errors import CorruptArtefactError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Segments = Sequence[tuple[str, ...]]
MASK = "attention_mask"
MIXED = "mixed"  # rows of train, then unlabelled ones
FACTS, STARTS, UNCUT = "tokens.json", "starts.npy", "uncut_lengths.npy"
CHUNK = 8192  # rows tokenised at a time: bounds memory, and is enough for the tokenizer to use all cores


@dataclass(frozen=True)
class Tokens:
    """What a tokenizer made of some rows, cut but not padded.

    Attributes:
        columns: each input's values, (tokens of all rows,) integers; ``input_ids`` first. The attention mask is not stored;
            nor, on disk, an input that is 0 throughout, as token types of single texts are.
        starts: (rows + 1,) int64, where each row begins; the last is the number of tokens.
        padding: what each column is filled up with.
        left: the tokenizer fills rows up at their left.
        uncut_lengths: (rows,) int64, tokens of each row before it was cut; None where it was not counted.
        zeros: the inputs that are 0 throughout and not in ``columns``.
    """

    columns: dict[str, np.ndarray]
    starts: np.ndarray
    padding: dict[str, int]
    left: bool = False
    uncut_lengths: np.ndarray | None = None
    zeros: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Tokens of each row: (rows,) int64."""
        return np.diff(self.starts)

    @cached_property
    def largest(self) -> dict[str, int]:
        """The largest value of each input."""
        return {name: int(values.max(initial=0)) for name, values in self.columns.items()}

    def batch(
        self, rows: np.ndarray, names: Collection[str], *, shortest: int = 0, left: bool | None = None,
        zeros: bool = False,
    ) -> dict[str, np.ndarray]:  # fmt: skip
        """These rows, padded to the longest of them.

        Args:
            rows: (B,) row numbers.
            names: the inputs that are wanted.
            shortest: the least width.
            left: rows are filled up at their left; by default as the tokenizer does.
            zeros: inputs that are 0 throughout are made too.

        Returns:
            for each name that is there (B, T) int64, the attention mask among them.
        """
        if len(rows) == 1:  # a service's commonest case, where every step counts
            first, last = int(self.starts[rows[0]]), int(self.starts[rows[0] + 1])
            if last - first >= shortest:
                return self._unpadded(first, last, names, zeros=zeros)
        left = self.left if left is None else left
        begins, lengths = self.starts[rows], self.starts[rows + 1] - self.starts[rows]
        width = int(lengths.max(initial=shortest))
        positions = np.arange(width) - (width - lengths[:, None] if left else 0)
        real = (positions >= 0) & (positions < lengths[:, None])
        places = (begins[:, None] + positions)[real]
        made = {}
        for name, values in self.columns.items():
            if name in names:
                padded = np.full(real.shape, self.padding[name], dtype=np.int64)
                padded[real] = values[places]
                made[name] = padded
        for name in self.zeros if zeros else ():
            if name in names:
                made[name] = np.where(real, 0, self.padding[name])
        if MASK in names:
            made[MASK] = real.astype(np.int64)
        return made

    def _unpadded(self, first: int, last: int, names: Collection[str], *, zeros: bool) -> dict[str, np.ndarray]:
        made = {
            name: values[first:last].astype(np.int64)[None] for name, values in self.columns.items() if name in names
        }
        for name in self.zeros if zeros else ():
            if name in names:
                made[name] = np.zeros((1, last - first), dtype=np.int64)
        if MASK in names:
            made[MASK] = np.ones((1, last - first), dtype=np.int64)
        return made

    def batches(self, size: int, *, most_tokens: int | None = None, shortest: int = 1) -> Iterator[np.ndarray]:
        """Row numbers from the longest row to the shortest, ``size`` at a time: rows of a batch are of similar length.

        Args:
            size: rows per batch, at most.
            most_tokens: tokens per batch with its padding, at most, unless a single row has more; None: any number.
            shortest: the least width of a batch.
        """
        if len(self) == 1:
            yield np.zeros(1, dtype=np.intp)
            return
        lengths = self.lengths
        order = np.argsort(-lengths, kind="stable")
        start = 0
        while start < len(order):
            width = max(shortest, int(lengths[order[start]]))
            rows = size if most_tokens is None else min(size, max(1, most_tokens // max(1, width)))
            yield order[start : start + rows]
            start += rows

    def rows(self, start: int, stop: int) -> "Tokens":
        """The rows from ``start`` to ``stop``, copied into memory; pages of a mapped file that were read are let go."""
        first, last = int(self.starts[start]), int(self.starts[stop])
        columns = {name: np.array(values[first:last]) for name, values in self.columns.items()}
        for values in self.columns.values():
            if isinstance(values.base, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):  # which only Unix has
                values.base.madvise(mmap.MADV_DONTNEED)
        starts = np.array(self.starts[start : stop + 1]) - first
        return Tokens(columns, starts, self.padding, self.left, zeros=self.zeros)

    def after(self, row: int) -> "Tokens":
        """The rows from ``row`` on; nothing is copied."""
        return replace(self, starts=self.starts[row:], uncut_lengths=None)

    def take(self, positions: np.ndarray) -> "Tokens":
        """The rows at these positions, in their order, copied into memory."""
        lengths = self.lengths[positions]
        starts = _starts(lengths)
        places = np.repeat(self.starts[positions] - starts[:-1], lengths) + np.arange(starts[-1])
        columns = {name: np.asarray(values)[places] for name, values in self.columns.items()}
        uncut = None if self.uncut_lengths is None else self.uncut_lengths[positions]
        return Tokens(columns, starts, self.padding, self.left, uncut, self.zeros)


def tokenize_rows(tokenizer: "PreTrainedTokenizerBase", segments: Segments, *, max_length: int | None) -> Tokens:
    """Tokenise rows in memory.

    Args:
        tokenizer: of the model.
        segments: one or two texts per row, the same number in each.
        max_length: where rows are cut, in tokens, special tokens included; None: not cut.
    """
    names = _names(tokenizer)
    parts, uncut = _encode(tokenizer, segments, max_length) if segments else ({}, [])
    columns = {name: parts.get(name, []) for name in names if name in parts or name == "input_ids"}
    left = tokenizer.padding_side == "left"
    return tokens_of(columns, _padding(tokenizer), left=left, uncut=np.array(uncut, dtype=np.int64))


def tokens_of(
    rows: Mapping[str, list[list[int]]], padding: Mapping[str, int], *, left: bool, uncut: np.ndarray | None = None
) -> Tokens:
    """Tokens in memory from what any tokenizer gave for each row.

    Args:
        rows: for each input the values of each row; ``input_ids`` is among them.
        padding: what each input is filled up with.
        left: rows are filled up at their left.
        uncut: (rows,) int64, tokens of each row before it was cut.
    """
    lengths = [len(ids) for ids in rows["input_ids"]]
    columns = {name: _flat(values) for name, values in rows.items()}
    return Tokens(columns, _starts(lengths), dict(padding), left, uncut)


def fill_empty(rows: Mapping[str, list[list[int]]], padding: Mapping[str, int]) -> None:
    """Give a row without tokens, as GPT-2's tokenizer makes of an empty text, one padding token that counts as text.

    Without it a model would have nothing to attend to, and what it then computes differs between runtimes.
    """
    for row, ids in enumerate(rows["input_ids"]):
        if not ids:
            for name, values in rows.items():
                values[row] = [padding["input_ids"] if name == "input_ids" else 0]


def write_tokens(
    tokenizer: "PreTrainedTokenizerBase", chunks: Iterable[Segments], folder: Path, *, max_length: int
) -> None:
    """Tokenise rows chunk by chunk into files that :func:`read_tokens` maps; memory does not grow with the rows.

    Args:
        tokenizer: of the model.
        chunks: the rows in order, :data:`CHUNK` at a time, say.
        folder: an existing folder.
        max_length: where rows are cut, in tokens.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lengths: list[np.ndarray] = [np.zeros(0, dtype=np.int64)]
    uncut_lengths: list[np.ndarray] = [np.zeros(0, dtype=np.int64)]
    names = _names(tokenizer)
    streams = {name: (folder / f"{name}.i32").open("wb") for name in names}
    used = dict.fromkeys(names, False)
    try:
        for segments in chunks:
            parts, uncut = _encode(tokenizer, segments, max_length)
            lengths.append(np.array([len(ids) for ids in parts["input_ids"]], dtype=np.int64))
            uncut_lengths.append(np.array(uncut, dtype=np.int64))
            for name in names:
                if name in parts:
                    values = _flat(parts[name])
                    streams[name].write(values.tobytes())
                    used[name] = used[name] or bool(values.any())
    finally:
        for stream in streams.values():
            stream.close()
    stored = [name for name in names if used[name] or name == "input_ids"]
    for name in set(names) - set(stored):
        (folder / f"{name}.i32").unlink()
    np.save(folder / STARTS, _starts(np.concatenate(lengths)), allow_pickle=False)
    np.save(folder / UNCUT, np.concatenate(uncut_lengths), allow_pickle=False)
    facts = {
        "columns": stored, "padding": _padding(tokenizer), "left": tokenizer.padding_side == "left",
        "zeros": [name for name in names if name not in stored],
    }  # fmt: skip
    (folder / FACTS).write_text(json.dumps(facts), "utf-8")


def read_tokens(folder: Path) -> Tokens:
    """Map what :func:`write_tokens` wrote.

    Raises:
        CorruptArtefactError: the files do not belong together.
    """
    facts = json.loads((folder / FACTS).read_text("utf-8"))
    starts = np.load(folder / STARTS, mmap_mode="r", allow_pickle=False)
    columns = {}
    for name in facts["columns"]:
        file = folder / f"{name}.i32"
        empty = file.stat().st_size == 0  # which cannot be mapped
        columns[name] = np.zeros(0, np.int32) if empty else np.memmap(file, dtype=np.int32, mode="r")
        if len(columns[name]) != starts[-1]:
            raise CorruptArtefactError(f"{file} holds {len(columns[name])} tokens, {STARTS} beside it {starts[-1]}.")
    zeros = tuple(facts.get("zeros", ()))  # tokens made before this was stored do not name them
    return Tokens(columns, starts, facts["padding"], facts["left"], read_uncut_lengths(folder), zeros)


def read_uncut_lengths(folder: Path) -> np.ndarray | None:
    """Tokens of each row before it was cut, (rows,) int64; None where :func:`write_tokens` left none."""
    return np.load(folder / UNCUT, allow_pickle=False) if (folder / UNCUT).is_file() else None


def _encode(
    tokenizer: "PreTrainedTokenizerBase", segments: Segments, max_length: int | None
) -> tuple[dict[str, list[list[int]]], list[int]]:
    """Token ids and the like of each row, cut, and how many tokens it had before: only rows too long are read twice."""
    with unchanged(tokenizer):
        whole = _call(tokenizer, segments, None)
        uncut = [len(ids) for ids in whole["input_ids"]]
        too_long = [row for row, length in enumerate(uncut) if max_length is not None and length > max_length]
        if too_long:
            cut = _call(tokenizer, [segments[row] for row in too_long], max_length)
            for name, values in whole.items():
                for row, shorter in zip(too_long, cut[name], strict=True):
                    values[row] = shorter
        fill_empty(whole, _padding(tokenizer))
    return whole, uncut


@contextmanager
def unchanged(tokenizer: "PreTrainedTokenizerBase") -> Iterator[None]:
    """Keep a tokenizer's settings over the block: a fast one has the cut and padding of its last call."""
    backend = tokenizer.backend_tokenizer if tokenizer.is_fast else None
    truncation, padding = (backend.truncation, backend.padding) if backend is not None else (None, None)
    try:
        yield
    finally:
        if backend is not None:
            if truncation is None:
                backend.no_truncation()
            else:
                backend.enable_truncation(**truncation)
            if padding is None:
                backend.no_padding()
            else:
                backend.enable_padding(**padding)


def _call(
    tokenizer: "PreTrainedTokenizerBase", segments: Segments, max_length: int | None
) -> dict[str, list[list[int]]]:
    texts = [row[0] for row in segments]
    pairs = [row[1] for row in segments] if len(segments[0]) > 1 else None
    encoded = tokenizer(
        texts, pairs, truncation=max_length is not None, max_length=max_length, padding=False, verbose=False,
        return_attention_mask=False,
    )  # fmt: skip
    return {name: encoded[name] for name in encoded if name != MASK}


def _names(tokenizer: "PreTrainedTokenizerBase") -> list[str]:
    return [name for name in tokenizer.model_input_names if name != MASK]


def _padding(tokenizer: "PreTrainedTokenizerBase") -> dict[str, int]:
    special = {"input_ids": tokenizer.pad_token_id, "token_type_ids": tokenizer.pad_token_type_id}
    return {name: special.get(name, 0) for name in _names(tokenizer)}


def _flat(rows: list[list[int]]) -> np.ndarray:
    if len(rows) == 1:
        return np.array(rows[0], dtype=np.int32)
    return np.fromiter((i for ids in rows for i in ids), dtype=np.int32, count=sum(map(len, rows)))


def _starts(lengths: Sequence[int] | np.ndarray) -> np.ndarray:
    starts = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=starts[1:])
    return starts
