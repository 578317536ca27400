"""BERT's tokenizer for plain text, a word at a time: what a word is cut into does not depend on the words around it.

A static student sums a text's vectors in two microseconds; its tokenizer, which keeps track of every character, takes fifty
times as long. Here each word is cut by that tokenizer once and remembered. Only printable ASCII without special tokens is
read this way, where lower case and the split at blanks and punctuation are the same in both; of other texts nothing is said.
"""

import json
import re
from typing import Any, Self

from tokenizers import Tokenizer

_MOST = 2**17  # words that are remembered; beyond them it begins anew
_WORDS = re.compile(r"[0-9A-Za-z]+|[!-/:-@\[-`{-~]")


class WordPieces:
    """Token ids of plain texts, by words.

    Attributes:
        before: ids of the special tokens before a text.
        after: of those behind it.
    """

    def __init__(self, tokenizer: Tokenizer, state: dict[str, Any]) -> None:
        """See :meth:`of`."""
        self.tokenizer, self.lowercase = tokenizer, bool(state["normalizer"]["lowercase"])
        added = "|".join(re.escape(each["content"]) for each in state["added_tokens"])
        self.special = re.compile(added or "(?!)", re.IGNORECASE)
        self.known: dict[str, list[int]] = {}
        encoded = tokenizer.encode("a")
        marks = encoded.special_tokens_mask
        first, last = marks.index(0), len(marks) - marks[::-1].index(0)
        self.before, self.after = encoded.ids[:first], encoded.ids[last:]

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> Self | None:
        """The same for a tokenizer; None if it is not BERT's, whose words can be cut one by one."""
        state = json.loads(tokenizer.to_str())
        kinds = [(state[part] or {}).get("type") for part in ("normalizer", "pre_tokenizer", "model")]
        if kinds != ["BertNormalizer", "BertPreTokenizer", "WordPiece"] or not state["normalizer"]["clean_text"]:
            return None
        return cls(tokenizer, state)

    def ids(self, text: str) -> list[int] | None:
        """Token ids of a text without special tokens, not cut; None if it is not plain."""
        if not (text.isascii() and text.isprintable()) or self.special.search(text):
            return None
        known, found = self.known, []
        for word in _WORDS.findall(text.lower() if self.lowercase else text):
            pieces = known.get(word)
            found += self._cut(word) if pieces is None else pieces
        return found

    def _cut(self, word: str) -> list[int]:
        if len(self.known) >= _MOST:
            self.known.clear()
        self.known[word] = pieces = self.tokenizer.encode(word, add_special_tokens=False).ids
        return pieces
