"""Recipe files that are none, or say what cannot be."""

import os

from case import DATA, FINE, TRAINED_HERE, Case, recipe

HEAD = "data: {source: data, text: text, label: label}\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


def student(form):
    return recipe(f"{HEAD}teacher: {{from_scratch: {{layers: 2, width: 16, heads: 2}}}}\nstudent: {form}\n")


CASES = {
    # ---- no recipe
    "empty": recipe(""),
    "only-blanks": recipe(" \n\n  \n"),
    "only-a-comment": recipe("# my recipe\n"),
    "a-list": recipe("- data\n- teacher\n"),
    "a-word": recipe("quickstart\n"),
    "a-number": recipe("42\n"),
    "null": recipe("null\n"),
    "binary": recipe(bytes(range(256)) * 4),
    "zip": recipe(b"PK\x03\x04\x14\x00\x08\x08" + b"\x00\xff" * 40),
    "utf-16": recipe(FINE.encode("utf-16")),
    "utf-16-no-mark": recipe(FINE.encode("utf-16-le")),
    "utf-32": recipe(FINE.encode("utf-32")),
    "latin-1": recipe("# Größe\n".encode("latin-1") + FINE.encode()),
    "nul": recipe("data: {source: da\0ta, text: text, label: label}\n"),
    "escape-character": recipe("data: {source: \x1b[31mdata, text: text, label: label}\n"),
    "html": recipe("<!DOCTYPE html>\n<html><body>404: not found</body></html>\n"),
    "json-cut": recipe('{"data": {"source": "data", "text"'),
    "toml": recipe('[data]\nsource = "data"\ntext = "text"\nlabel = "label"\n'),
    "tabs": recipe("data:\n\tsource: data\n\ttext: text\n"),
    "open-bracket": recipe("data: {source: data, text: [text, label: label}\n"),
    "open-quote": recipe("data: {source: 'data, text: text, label: label}\n"),
    "bad-indent": recipe("data:\n  source: data\n   text: text\n  label: label\n"),
    "merge-conflict": recipe("<<<<<<< HEAD\n" + FINE + "=======\n" + FINE + ">>>>>>> other\n"),
    "two-documents": recipe(FINE + "---\n" + FINE),
    "key-twice": recipe(FINE + "seeds: [0]\nseeds: [1]\n"),
    "section-twice": recipe(FINE + "teacher: {epochs: 2}\n"),
    "deep-key-twice": recipe("data: {source: data, text: text, label: label, text: other}\n"),
    "billion-laughs": recipe(BOMB),
    "anchor": recipe("data: &d {source: data, text: text, label: label}\nstudent: *d\n"),
    "anchor-recursive": recipe("data: &d [*d]\n"),
    "undefined-alias": recipe("data: *nowhere\n"),
    "merge-key": recipe("base: &b {epochs: 2}\nteacher:\n  <<: *b\n" + HEAD),
    "deep-lists": recipe("data: " + "[" * 2000 + "]" * 2000 + "\n"),
    "deep-maps": recipe("data: " + "{a: " * 300 + "1" + "}" * 300 + "\n"),
    "huge": recipe(FINE + "# " + "x" * 3_000_000 + "\n"),
    "huge-of-keys": recipe(FINE + "".join(f"k{i}: {i}\n" for i in range(200_000))),
    "many-unknown-keys": recipe(FINE + "".join(f"k{i}: {i}\n" for i in range(500))),
    "python-tag": recipe("data: !!python/object/apply:os.system ['touch pwned']\n"),
    "python-name-tag": recipe("data: {source: !!python/name:os.system , text: text, label: label}\n"),
    "binary-tag": recipe("data: {source: data, text: text, label: !!binary aGVsbG8=}\n"),
    "set-tag": recipe("data: !!set {source, text, label}\n"),
    "own-tag": recipe("data: !mine {source: data, text: text, label: label}\n"),
    "complex-key": recipe("? [a, b]\n: 1\n" + HEAD),
    "long-line-key": recipe(HEAD + "k" * 2000 + ": 1\n"),
    "percent-directive": recipe("%BOGUS\n" + HEAD),
    # ---- not found, or no file
    "no-such-file": Case(("distill", "absent.yaml"), {}),
    "misspelt-name": Case(("distill", "quikstart"), {}),
    "empty-name": Case(("distill", ""), {}),
    "a-folder": Case(("distill", "data"), DATA),
    "name-too-long": Case(("distill", "x" * 5000), {}),
    "name-with-newline": Case(("distill", "a\nb"), {}),
    "name-with-escape": Case(("distill", "\x1b[31mred\x1b[0m"), {}),
    "name-with-markup": Case(("distill", "[red]x[/red]"), {}),
    "name-with-nul": Case(("distill", "a\0b"), {}),
    "dots": Case(("distill", ".."), {}),
    "fifo": Case(("distill", "my.yaml"), {"my.yaml": os.mkfifo}),
    "device": Case(("distill", "/dev/zero"), {}),
    "link-to-nowhere": Case(("distill", "my.yaml"), {"my.yaml": lambda p: p.symlink_to("absent")}),
    "link-to-itself": Case(("distill", "my.yaml"), {"my.yaml": lambda p: p.symlink_to(p.name)}),
    "data-given-as-recipe": Case(("distill", "data/train.tsv"), DATA),
    # ---- keys
    "no-data": recipe(TRAINED_HERE),
    "data-null": recipe("data:\n" + TRAINED_HERE),
    "data-a-word": recipe("data: mine\n" + TRAINED_HERE),
    "data-empty": recipe("data: {}\n" + TRAINED_HERE),
    "no-label": recipe("data: {source: data, text: text}\n" + TRAINED_HERE),
    "unknown-section": recipe(FINE + "studnet: {epochs: 3}\n"),
    "unknown-key": recipe("data: {source: data, text: text, label: label, lable_order: [a, b]}\n"),
    "key-of-another-section": recipe(FINE + "temperature: 3\n"),
    "empty-key": recipe(FINE + '"": 1\n'),
    "null-key": recipe(FINE + "~: 1\n"),
    "key-with-escape": recipe(FINE + '"\\e[31mred": 1\n'),
    "key-with-newline": recipe(FINE + '"a\\nb": 1\n'),
    "section-null": recipe(FINE + "distillation:\n"),
    "section-a-list": recipe(FINE + "distillation: [kl]\n"),
    "many-problems": recipe(
        "data: {source: '', text: [], label: 3, max_rows: 0}\nteacher: {epochs: -1, learning_rate: fast}\n"
        "student: {warmup: 1}\ndistillation: {loss: kld, temperature: 0, hard_label_weight: 1.5}\nseeds: []\nbogus: 1\n"
    ),
    # ---- forms of teacher and student
    "two-student-forms": student("{model: x/y, from_scratch: {layers: 1, width: 16, heads: 2}}"),
    "three-student-forms": student(
        "{model: x/y, from_teacher: {layers: 1}, from_scratch: {layers: 1, width: 16, heads: 2}}"
    ),
    "two-teacher-forms": recipe(HEAD + "teacher: {model: x/y, from_scratch: {layers: 1, width: 16, heads: 2}}\n"),
    "heads-do-not-divide": student("{from_scratch: {layers: 1, width: 16, heads: 3}}"),
    "more-heads-than-width": student("{from_scratch: {layers: 1, width: 16, heads: 32}}"),
    "no-heads": student("{from_scratch: {layers: 1, width: 16}}"),
    "zero-layers": student("{from_scratch: {layers: 0, width: 16, heads: 2}}"),
    "negative-width": student("{from_scratch: {layers: 1, width: -16, heads: 2}}"),
    "absurd-width": student("{from_scratch: {layers: 1, width: 1000000000, heads: 2}}"),
    "absurd-layers": student("{from_scratch: {layers: 100000000, width: 16, heads: 2}}"),
    "absurd-feed-forward": student("{from_scratch: {layers: 1, width: 16, heads: 2, feed_forward: 99999999999}}"),
    "absurd-in-all": student("{from_scratch: {layers: 96, width: 8192, heads: 2}}"),
    "zero-feed-forward": student("{from_scratch: {layers: 1, width: 16, heads: 2, feed_forward: 0}}"),
    "unknown-architecture": student("{from_scratch: {architecture: gpt2, layers: 1, width: 16, heads: 2}}"),
    "scratch-a-word": student("{from_scratch: distilbert}"),
    "layers-out-of-range": student("{from_teacher: {layers: [0, 2]}}"),
    "more-layers-than-teacher": student("{from_teacher: {layers: 3}}"),
    "layers-twice": student("{from_teacher: {layers: [0, 0]}}"),
    "layers-falling": student("{from_teacher: {layers: [1, 0]}}"),
    "layers-negative": student("{from_teacher: {layers: [-1]}}"),
    "layers-empty": student("{from_teacher: {layers: []}}"),
    "layers-of-text": student("{from_teacher: {layers: [first, last]}}"),
    "layers-true": student("{from_teacher: {layers: true}}"),
    "layers-list-of-bools": student("{from_teacher: {layers: [false, true]}}"),
    "layers-a-fraction": student("{from_teacher: {layers: 1.5}}"),
    "layers-huge": student("{from_teacher: {layers: 100000000000}}"),
    "layers-of-a-distilbert-teacher": recipe(
        HEAD + "teacher: {from_scratch: {architecture: distilbert, layers: 2, width: 16, heads: 2}}\n"
        "student: {from_teacher: {architecture: bert, layers: 1}}\n"
    ),
    "scratch-teacher-not-tuned": recipe(
        HEAD + "teacher: {from_scratch: {layers: 1, width: 16, heads: 2}, fine_tune: false}\n"
    ),
    "tiny-vocabulary": recipe(HEAD + "teacher: {from_scratch: {layers: 1, width: 16, heads: 2, vocabulary: 5}}\n"),
    "absurd-vocabulary": recipe(
        HEAD + "teacher: {from_scratch: {layers: 1, width: 16, heads: 2, vocabulary: 10000000000}}\n"
    ),
}
