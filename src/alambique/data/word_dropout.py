"""Views of train: versions of each row with some of its words left out, drawn by row id and seed."""

import re
from dataclasses import replace

import numpy as np

from alambique.artefacts.splits import Split
from alambique.data.sampling import drawn_words, row_chance

_WORDS = re.compile(r"\S+\s*")


def view_of(train: Split, number: int, dropout: float, seed: int) -> Split:
    """Leave out words of each row of train, each with the same probability (word dropout, Iyyer et al. 2015).

    What is left out depends on the row's id, the number and the seed, not on other rows or their order. A word is what
    stands between blanks; one word of a text always stays, and a text that loses none is the text itself. Metadata stay
    whole.

    Args:
        train: the rows.
        number: of the view, from 1; the rows themselves are view 0.
        dropout: probability of each word, from 0 to 1.
        seed: of the draw.

    Returns:
        The same rows, ids and labels, under the name ``view-NUMBER``.

    Example:
        >>> import numpy as np
        >>> from alambique.artefacts.splits import Split
        >>> from alambique.data.word_dropout import view_of
        >>> train = Split("train", ("a", "b"), ("one two three four", "five"), None, np.array([0, 1]))
        >>> view_of(train, 1, dropout=0.5, seed=0).texts
        ('one four', 'five')
    """
    chances = [row_chance(row_id, f"view-{number}", seed) for row_id in train.ids]
    texts = tuple(_without(text, dropout, chance) for text, chance in zip(train.texts, chances, strict=True))
    pairs = train.pairs
    if pairs is not None:
        pairs = tuple(_without(text, dropout, chance) for text, chance in zip(pairs, chances, strict=True))
    return replace(train, name=f"view-{number}", texts=texts, pairs=pairs)


def _without(text: str, dropout: float, chance: np.random.Generator) -> str:
    words = _WORDS.findall(text)
    left_out = drawn_words(len(words), dropout, chance)
    if not left_out.any():
        return text
    return "".join(word for word, gone in zip(words, left_out.tolist(), strict=True) if not gone).rstrip()
