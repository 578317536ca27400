"""The encoding of a text file that has no byte-order mark and is not UTF-8: a guess, which the user is told of."""

import re

from charset_normalizer import from_bytes

from alambique.data.formats.content import wide

_SAMPLE = 2**16  # bytes of lines that have more than ASCII
_WESTERN = "cp1252"
_LIKELY = (
    _WESTERN, "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "koi8_r", "gb18030", "big5", "shift_jis",
    "euc_jp", "euc_kr", "mac_roman", "cp850",
)  # fmt: skip
_CLOSE = 0.05  # of the measure of disorder
# signs of cp1252 within words, as Polish leaves where it is not the encoding; apostrophes and dashes may be there
_IN_WORDS = re.compile(r"[^\W\d_](?![\u2018\u2019\u2010-\u2015])[\x80-\x9f\xa1-\xbf\u2000-\u2fff\xd7\xf7][^\W\d_]")


def guess_encoding(raw: bytes) -> str | None:
    """Guess the encoding of text.

    Args:
        raw: a whole file.

    Returns:
        A Python codec name under which all of it is text; None where it is UTF-8, or no text.

    Example:
        >>> from alambique.data.encodings import guess_encoding
        >>> guess_encoding("O pão não está à mesa; é pena.".encode("latin-1"))
        'cp1252'
    """
    if b"\0" in raw:
        return wide(raw[:_SAMPLE])
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return next((name for name in (*_ranked(raw), "latin-1") if _decodes(raw, name)), None)
    return None


def _ranked(raw: bytes) -> list[str]:
    """Codecs, the likeliest first; that of Western Europe comes first where it does as well as any."""
    matches = list(from_bytes(_sample(raw), cp_isolation=list(_LIKELY)))
    least = min((match.chaos for match in matches), default=0.0)
    names = [match.encoding for match in matches]
    close = {name for match in matches if match.chaos <= least + _CLOSE for name in match.could_be_from_charset}
    western = not matches or (_WESTERN in close and not _IN_WORDS.search(raw.decode(_WESTERN, "replace")))
    others = [name for name in names if name != _WESTERN]
    return [_WESTERN, *others] if western else [*others, _WESTERN]


def _sample(raw: bytes) -> bytes:
    """Lines with more than ASCII in them."""
    lines, size = [], 0
    for line in raw.splitlines(keepends=True):
        if not line.isascii():
            lines.append(line)
            size += len(line)
            if size > _SAMPLE:
                break
    return b"".join(lines)


def _decodes(raw: bytes, name: str) -> bool:
    try:
        raw.decode(name)
    except UnicodeDecodeError:
        return False
    return True
