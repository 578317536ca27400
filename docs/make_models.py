"""Make docs/models.md by trying each architecture: ``python docs/make_models.py > docs/models.md``.

Each takes a minute or two. With names, such as ``python docs/make_models.py RoBERTa "BERT, cased"``, those rows of the page
are written again and the others stay.
"""

import re
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from architectures import ARCHITECTURES, COLUMNS, NAMES, WORKS, cells  # noqa: E402 - lies with the tests

PAGE = ROOT / "docs" / "models.md"
Rows = dict[str, dict[str, str]]
HEAD = """\
# Models

<!-- Made by: python docs/make_models.py > docs/models.md (an hour; given names, it writes their rows again). -->

A teacher or a student can be any encoder that Transformers has a sequence classifier for, with safetensors and a
tokenizer: `bert` and its many relatives, decoders such as GPT-2, and more. Nothing is looked up by name, except where
a speed-up is known to be exact. What cannot be used is refused in a sentence before anything is trained, by
`alambique distill` and by `alambique doctor`.

## Architectures

Each row is a tiny model with random weights and a tokenizer of its own kind, through the whole path: as a teacher
that is fine-tuned; as a finished classifier whose labels come in another order than the data's; as a student; as a
teacher whose student is made of its layers (`student.from_teacher: {architecture: same, layers: 1}`); the student as
ONNX in fp32 and in 8 bits; `alambique predict`; teacher and student on sentence pairs. `works` means that it ran to
its end and, for ONNX, that the file passed its gate. A number leads to the sentence with which it is refused. `–`:
there is no such student to try. `pytest tests/test_architectures.py -m slow` tries all of them again.
"""
TAIL = """\
## A student of the teacher's layers

```yaml
student:
  from_teacher: {architecture: same, layers: 3}
```

- `architecture: same` keeps the teacher's architecture, tokenizer, embeddings, pooler and head, and some of its
  layers. Made from RoBERTa it is what DistilRoBERTa is.
- `architecture: distilbert` makes a DistilBERT from a BERT teacher as its authors did, with token type 0 folded into
  the positions. Its head is new.
- `layers: 3` takes layers that are evenly spaced from the first: of twelve 0, 4 and 8; six of twelve are 0, 2, 4, 6,
  8 and 10. `layers: [0, 5, 11]` names them.
- With all layers the student is the teacher: its logits are equal bit for bit.
- A layer stays of its kind. What the config lists by layer, such as ModernBERT's `layer_types` or Longformer's
  `attention_window`, follows the layers that are taken. Where a layer would change (ModernBERT's first layer has no
  norm before its attention, so it must come first), the recipe is refused, with what would change.
- Not possible where layers share their weights (ALBERT), where the config gives no number of layers (Funnel), and for
  an encoder with a decoder (BART, T5).

## A static student

`student.static` has no architecture of the table above: its vectors begin with the outputs of any teacher, or named
encoder, that gives one for each token, as nearly all do (Funnel does not). It reads with that model's tokenizer
([static.md](static.md)).

## A tokenizer

Any that `AutoTokenizer` loads from files, without code from the folder. Both sides of padding and of cutting, pairs
with and without token types, and tokenizers without a padding token of their own are read as in training everywhere:
by `predict`, the service and the exported files.
"""


def main() -> None:
    """Try all architectures and print the page; or try those named and change their rows in it, after each."""
    wanted = sys.argv[1:]
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        sys.exit(f"There is no architecture {unknown[0]!r}. There are: {'; '.join(NAMES)}.")
    rows = parsed(PAGE.read_text("utf-8")) if wanted and PAGE.is_file() else {}
    for architecture in ARCHITECTURES:
        if not wanted or architecture.name in wanted:
            with tempfile.TemporaryDirectory() as folder:
                rows[architecture.name] = cells(architecture, Path(folder))
            if wanted:
                PAGE.write_text(rendered(rows), "utf-8")
            others = [column for column, cell in rows[architecture.name].items() if cell != WORKS]
            result = f"not: {', '.join(others)}" if others else "all works"
            print(architecture.name, "–", result, file=sys.stderr, flush=True)
    if not wanted:
        sys.stdout.buffer.write(rendered(rows).encode())  # UTF-8, wherever it is written


def rendered(rows: Mapping[str, Mapping[str, str]]) -> str:
    """The page with these rows, in the order of the architectures."""
    sentences: list[str] = []
    lines = [
        f"| architecture | tokenizer | {' | '.join(COLUMNS)} |",
        f"|---|---|{'---|' * len(COLUMNS)}",
    ]
    for architecture in ARCHITECTURES:
        if architecture.name in rows:
            shown = [_shown(rows[architecture.name][column], sentences) for column in COLUMNS]
            lines.append(f"| {architecture.name} | {architecture.tokenizer} | {' | '.join(shown)} |")
    notes = [f"{number}. {sentence}" for number, sentence in enumerate(sentences, 1)]
    return "\n".join([HEAD, *lines, "", *notes, "", TAIL])


def _shown(cell: str, sentences: list[str]) -> str:
    word, _, sentence = cell.partition(": ")
    if not sentence:
        return word
    sentence = " ".join(sentence.split())
    if sentence not in sentences:
        sentences.append(sentence)
    return f"{word} ({sentences.index(sentence) + 1})"


def parsed(page: str) -> Rows:
    """The rows of a page, with their sentences in full."""
    sentences = dict(re.findall(r"^(\d+)\. (.+)$", page, re.MULTILINE))
    rows: Rows = {}
    for line in re.findall(r"^\| (.+) \|$", page, re.MULTILINE):
        name, _, *shown = line.split(" | ")
        if name in NAMES:
            rows[name] = {
                column: re.sub(r" \((\d+)\)$", lambda note: f": {sentences[note[1]]}", cell)
                for column, cell in zip(COLUMNS, shown, strict=True)
            }
    return rows


if __name__ == "__main__":
    main()
