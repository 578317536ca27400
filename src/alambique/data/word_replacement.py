"""Words of train that a masked language model is to replace, and a draw for each, by row id and seed.

Contextual augmentation (Kobayashi 2018, https://aclanthology.org/N18-2072) replaces words by samples from a language
model; in TinyBERT's data augmentation (Jiao et al. 2020, https://aclanthology.org/2020.findings-emnlp.372) BERT replaces
masked words for distillation. Nothing ties the new text to the label of its row here: the teachers label it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alambique.artefacts.splits import Split
from alambique.data.sampling import drawn_words, row_chance

_WORD = re.compile(r"\w(?:\S*\w)?")  # what stands between blanks, without punctuation around it
_LONGEST = 30  # characters; longer are addresses, or sentences of a script without blanks


@dataclass(frozen=True)
class Gapped:
    """A text with words taken out.

    Attributes:
        parts: what stands around the gaps: one more than there are gaps.
        words: what stood in them.
        draws: a number from 0 to 1 for each gap, which decides what is sampled there.

    Example:
        >>> from alambique.data.word_replacement import Gapped
        >>> gapped = Gapped(("a ", " lamp, ", "!"), ("fine", "really"), (0.3, 0.8))
        >>> gapped.filled(["red", None])
        'a red lamp, really!'
    """

    parts: tuple[str, ...]
    words: tuple[str, ...]
    draws: tuple[float, ...]

    def __len__(self) -> int:
        """Number of gaps."""
        return len(self.words)

    def filled(self, words: Iterable[str | None]) -> str:
        """The text with these words in its gaps; None: the word that stood there."""
        chosen = [own if word is None else word for own, word in zip(self.words, words, strict=True)]
        return self.parts[0] + "".join(word + part for word, part in zip(chosen, self.parts[1:], strict=True))


def gapped_rows(train: Split, number: int, rate: float, seed: int) -> list[tuple[Gapped, ...]]:
    """Choose words of each row of train, each with the same probability.

    What is chosen and drawn depends on the row's id, the number and the seed, not on other rows or their order. A word is
    what stands between blanks, without the punctuation around it. One word of a text always stays, and so do words of more
    than 30 characters. Metadata stay whole.

    Args:
        train: the rows.
        number: of the view, from 1.
        rate: probability of each word, from 0 to 1.
        seed: of the draw.

    Returns:
        for each row its one or two texts.

    Example:
        >>> import numpy as np
        >>> from alambique.artefacts.splits import Split
        >>> from alambique.data.word_replacement import gapped_rows
        >>> train = Split("train", ("a",), ("one two, three four",), None, np.array([0]))
        >>> [(gapped,)] = gapped_rows(train, 1, rate=0.5, seed=0)
        >>> gapped.parts, gapped.words
        (('', ' ', ', three ', ''), ('one', 'two', 'four'))
    """
    return [
        _gapped(texts, rate, row_chance(row_id, f"words-{number}", seed))
        for row_id, texts in zip(train.ids, train.contents(), strict=True)
    ]


def _gapped(texts: tuple[str, ...], rate: float, chance: np.random.Generator) -> tuple[Gapped, ...]:
    chosen = [_chosen(text, rate, chance) for text in texts]
    return tuple(_with_gaps(text, words, chance) for text, words in zip(texts, chosen, strict=True))


def _chosen(text: str, rate: float, chance: np.random.Generator) -> list[re.Match[str]]:
    words = list(_WORD.finditer(text))
    goes = drawn_words(len(words), rate, chance)
    return [word for word, gone in zip(words, goes.tolist(), strict=True) if gone and len(word.group()) <= _LONGEST]


def _with_gaps(text: str, words: Sequence[re.Match[str]], chance: np.random.Generator) -> Gapped:
    ends = [0, *(place for word in words for place in word.span()), len(text)]
    parts = tuple(text[start:stop] for start, stop in zip(ends[::2], ends[1::2], strict=True))
    return Gapped(parts, tuple(word.group() for word in words), tuple(chance.random(len(words)).tolist()))


def with_words(train: Split, rows: Sequence[tuple[Gapped, ...]], words: Sequence[str | None]) -> Split:
    """Put words into the gaps of all rows.

    Args:
        train: the rows.
        rows: of :func:`gapped_rows`.
        words: for each gap, in the order of the rows and their texts; None: the word that stood there.

    Returns:
        The same rows, ids and labels, with the new texts.
    """
    rest = iter(words)
    filled = [[gapped.filled([next(rest) for _ in range(len(gapped))]) for gapped in row] for row in rows]
    texts = tuple(row[0] for row in filled)
    return replace(train, texts=texts, pairs=None if train.pairs is None else tuple(row[1] for row in filled))
