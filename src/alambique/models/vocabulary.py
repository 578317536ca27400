"""A tokenizer without the tokens that the data never use; texts of other words are still read, in smaller pieces.

Half of a small student's weights are embeddings, most of them of tokens that its texts never hold. Here a tokenizer of the
``tokenizers`` library is cut down to chosen tokens, such that texts of these alone are cut into the same tokens as before:

- WordPiece takes the longest token that fits, so it takes the same one while that is kept (Wu et al. 2016, "Google's Neural
  Machine Translation System", §4.1);
- BPE applies its merges in order, so a kept token needs the merges that lead to it, and the tokens between (Sennrich et al.
  2016, "Neural Machine Translation of Rare Words with Subword Units", §3.2);
- Unigram takes the most probable segmentation, which stays the most probable among fewer (Kudo 2018, "Subword
  Regularization", §3.1).

Single characters and bytes always stay.
"""

import copy
import json
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase

from alambique.artefacts.tokens import unchanged
from alambique.errors import ModelError

KEY = "student.vocabulary"
_BYTES = frozenset(f"<0x{value:02X}>" for value in range(256))
_SPACE = "\u2581"  # Unigram's mark of a space
_SPECIALS_OF_PROCESSORS = ("sep", "cls")


def choose_tokens(
    tokenizer: PreTrainedTokenizerBase, arrays: Iterable[np.ndarray], size: Literal["auto"] | int
) -> tuple[np.ndarray, int]:
    """The tokens that stay where texts hold these, and how many there are in all.

    Args:
        tokenizer: a fast one.
        arrays: token ids of the texts that count.
        size: ``auto``: every token that occurs stays; a number: at most so many.

    Raises:
        ModelError: as :func:`kept_tokens`.
    """
    whole = max(tokenizer.get_vocab().values()) + 1
    return kept_tokens(tokenizer, count_tokens(arrays, whole), None if size == "auto" else size), whole


def kept_tokens(tokenizer: PreTrainedTokenizerBase, counts: np.ndarray, most: int | None) -> np.ndarray:
    """Choose the tokens that stay.

    Args:
        tokenizer: a fast one.
        counts: (V,) how often each token id occurs in the texts that count.
        most: the greatest size of the vocabulary; None: every token that occurs stays.

    Returns:
        (K,) int64 token ids in rising order: special and added tokens, single characters, bytes, the tokens in use, the most
        frequent first, and those that BPE makes on the way to them.

    Raises:
        ModelError: the tokenizer cannot be cut, or ``most`` is fewer than must stay.
    """
    state = _state(tokenizer)
    vocabulary = _vocabulary(state)
    steps = _Merges(state["model"]) if state["model"]["type"] == "BPE" else None
    always = {int(entry["id"]) for entry in state["added_tokens"]}
    always |= {number for token, number in vocabulary.items() if _is_basic(token, state["model"])}
    unknown = _unknown(state["model"], vocabulary)
    always |= set() if unknown is None else {unknown}
    if most is not None and most < len(always):
        raise ModelError(
            f"{KEY}: {most} tokens are too few: characters and special tokens alone are {len(always)}. Set it to more."
        )
    kept, names = set(always), {number: token for token, number in vocabulary.items()}
    used = np.flatnonzero(counts)
    for number in used[np.argsort(-counts[used], kind="stable")].tolist():
        needed = {number}
        if steps is not None and number in names:
            needed |= {vocabulary[token] for token in steps.between(names[number]) if token in vocabulary}
        if most is None or len(kept | needed) <= most:
            kept |= needed
    return np.array(sorted(kept), dtype=np.int64)


def cut_tokenizer(tokenizer: PreTrainedTokenizerBase, kept: np.ndarray) -> PreTrainedTokenizerBase:
    """A copy of a tokenizer with these tokens alone, numbered anew in their order.

    Args:
        tokenizer: a fast one; it is not changed.
        kept: what :func:`kept_tokens` gives.

    Raises:
        ModelError: the tokenizer cannot be cut.
    """
    state = _state(tokenizer)
    numbers = {int(old): new for new, old in enumerate(kept)}
    _cut_model(state["model"], numbers)
    for entry in state["added_tokens"]:
        entry["id"] = numbers[int(entry["id"])]
    state["post_processor"] = _renumbered(state["post_processor"], numbers)
    state["padding"] = state["truncation"] = None
    copied = copy.deepcopy(tokenizer)
    try:
        copied._tokenizer = Tokenizer.from_str(json.dumps(state))  # noqa: SLF001
    except Exception as error:  # the library has one kind of error
        raise _cannot(tokenizer) from error
    return copied


def share_unchanged(
    whole: PreTrainedTokenizerBase, cut: PreTrainedTokenizerBase, kept: np.ndarray, segments: Sequence[tuple[str, ...]]
) -> float:
    """The share of rows that both tokenizers cut into the same tokens; 1 where there are no rows.

    Args:
        whole: the tokenizer as it was.
        cut: what :func:`cut_tokenizer` made of it.
        kept: the ids in ``whole`` of the tokens of ``cut``, in their order.
        segments: one or two texts per row.
    """
    if not segments:
        return 1.0
    columns = [list(column) for column in zip(*segments, strict=True)]
    with unchanged(whole), unchanged(cut):
        before, after = (each(*columns, truncation=False, padding=False, verbose=False)["input_ids"]
                         for each in (whole, cut))  # fmt: skip
    same = [ids == kept[np.array(new, dtype=np.int64)].tolist() for ids, new in zip(before, after, strict=True)]
    return sum(same) / len(same)


def _state(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    if not tokenizer.is_fast:
        raise _cannot(tokenizer)
    state: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    if state["model"].get("type") not in ("WordPiece", "BPE", "Unigram", "WordLevel"):
        raise _cannot(tokenizer)
    return state


def _cannot(tokenizer: PreTrainedTokenizerBase) -> ModelError:
    return ModelError(
        f"{KEY}: the vocabulary of a {type(tokenizer).__name__} cannot be cut; only those of tokenizers with a "
        "tokenizer.json (WordPiece, BPE, Unigram) can. Set it to null."
    )


def _vocabulary(state: dict[str, Any]) -> dict[str, int]:
    model = state["model"]
    if model["type"] == "Unigram":
        return {token: number for number, (token, _) in enumerate(model["vocab"])}
    return {token: int(number) for token, number in model["vocab"].items()}


def _unknown(model: dict[str, Any], vocabulary: dict[str, int]) -> int | None:
    if model["type"] == "Unigram":
        return None if model["unk_id"] is None else int(model["unk_id"])
    return vocabulary.get(model.get("unk_token") or "")


def _is_basic(token: str, model: dict[str, Any]) -> bool:
    """Whether a token is a single character or byte, as other words are read with."""
    if token in _BYTES:
        return True
    if model["type"] == "Unigram":
        return len(token.removeprefix(_SPACE)) <= 1
    for mark in (model.get("continuing_subword_prefix"), model.get("end_of_word_suffix")):
        token = token.removeprefix(mark).removesuffix(mark) if mark and token != mark else token
    return len(token) == 1


class _Merges:
    """The merges of a BPE model: which of them, and which tokens, lead to a token."""

    def __init__(self, model: dict[str, Any]) -> None:
        pairs = (tuple(each.split(" ", 1)) if isinstance(each, str) else tuple(each) for each in model["merges"])
        self.rank = {pair: rank for rank, pair in enumerate(pairs)}
        self.prefix, self.suffix = model.get("continuing_subword_prefix") or "", model.get("end_of_word_suffix") or ""

    def between(self, token: str) -> set[str]:
        """The tokens that are merged on the way to one, without itself."""
        return {part for pair in self.path(token) for part in pair}

    def path(self, token: str) -> list[tuple[str, str]]:
        """The merges that lead from its characters to a token, in the order in which they are applied.

        As the library does it: one merge at a time, of those possible the first in the list, and of equal ones the leftmost.
        """
        parts, applied = self._characters(token), []
        while len(parts) > 1:
            pairs = list(pairwise(parts))
            place = min(range(len(pairs)), key=lambda number: self.rank.get(pairs[number], len(self.rank)))
            if pairs[place] not in self.rank:
                break
            applied.append(pairs[place])
            parts[place : place + 2] = [parts[place] + parts[place + 1].removeprefix(self.prefix)]
        return applied

    def _characters(self, token: str) -> list[str]:
        inner = bool(self.prefix) and token.startswith(self.prefix)
        bare = token.removeprefix(self.prefix) if inner else token
        ended = bool(self.suffix) and bare.endswith(self.suffix)
        parts = list(bare.removesuffix(self.suffix) if ended else bare)
        parts = [part if number == 0 and not inner else self.prefix + part for number, part in enumerate(parts)]
        if ended and parts:
            parts[-1] += self.suffix
        return parts


def _cut_model(model: dict[str, Any], numbers: dict[int, int]) -> None:
    if model["type"] == "Unigram":
        model["vocab"] = [entry for number, entry in enumerate(model["vocab"]) if number in numbers]
        model["unk_id"] = None if model["unk_id"] is None else numbers[int(model["unk_id"])]
        return
    if model["type"] == "BPE":
        steps = _Merges(model)
        tokens = [token for token, number in model["vocab"].items() if int(number) in numbers]
        needed = {pair for token in tokens for pair in steps.path(token)}
        model["merges"] = [list(pair) for pair in steps.rank if pair in needed]
    model["vocab"] = {token: numbers[int(n)] for token, n in model["vocab"].items() if int(n) in numbers}


def _renumbered(processor: Any, numbers: dict[int, int]) -> Any:
    """A post-processor whose special tokens have their new ids."""
    if processor is None:
        return None
    made = dict(processor)
    for name in _SPECIALS_OF_PROCESSORS:
        if name in made:
            token, number = made[name]
            made[name] = [token, numbers[int(number)]]
    if "special_tokens" in made:
        made["special_tokens"] = {
            token: each | {"ids": [numbers[int(number)] for number in each["ids"]]}
            for token, each in made["special_tokens"].items()
        }
    if "processors" in made:
        made["processors"] = [_renumbered(each, numbers) for each in made["processors"]]
    return made


def count_tokens(arrays: Iterable[np.ndarray], size: int, chunk: int = 2**22) -> np.ndarray:
    """(size,) int64: how often each token id occurs; arrays that are mapped from disk are read a part at a time."""
    counts = np.zeros(size, dtype=np.int64)
    for ids in arrays:
        for start in range(0, len(ids), chunk):
            counts += np.bincount(ids[start : start + chunk], minlength=size)
    return counts
