"""What is found in data that nobody has described."""

import json

import pytest
from loading import write_csv

from alambique.data.inspect import estimated_tokens, inspect
from alambique.data.roles import Roles
from alambique.errors import DataError

TEXTS = [f"the lamp of room {i} is quite {'bright' if i % 3 else 'dim'} today" for i in range(60)]
CLASSES = ["bad", "fair", "good"] * 20
PORTUGUESE = [f"A comida do lugar {i} não é boa, mas o café é ótimo" for i in range(60)]


def put(path, lines, encoding="utf-8"):
    path.parent.mkdir(exist_ok=True)
    path.write_bytes("".join(f"{line}\n" for line in lines).encode(encoding))
    return str(path)


def test_a_file_with_a_header(tmp_path):
    found = inspect(str(write_csv(tmp_path / "r.csv", list(zip(TEXTS, CLASSES, strict=True)), ("review", "stars"))))
    assert (found.data.text, found.data.label, found.data.columns, found.data.encoding) == (
        ("review",), "stars", (), "utf-8",
    )  # fmt: skip
    assert (found.rows, found.labels) == ({"train": 60}, {"bad": 20, "fair": 20, "good": 20})
    assert (found.reading.form, found.english, found.notes, found.fault) == ("csv", True, (), None)
    assert len(found.tokens) == 60
    assert found.tokens[0] == 11  # the lamp of room 1 is quite dim today, and two


def test_a_file_without_a_header_in_another_encoding(tmp_path):
    rows = [f"{label};{i};{text}" for i, (text, label) in enumerate(zip(PORTUGUESE, CLASSES, strict=True))]
    found = inspect(put(tmp_path / "r.csv", rows, "cp1252"))
    assert found.data.columns == ("label", "column_2", "text")
    assert (found.data.encoding, found.english, found.reading.delimiter) == ("cp1252", False, ";")
    assert (found.rows, found.roles, found.fault) == ({"train": 60}, Roles(("text",), "label"), None)


def test_a_value_that_stands_twice_in_the_first_row_is_no_header(tmp_path):
    rows = [f"{label}\t1\t1\t{text}" for text, label in zip(TEXTS, CLASSES, strict=True)]
    found = inspect(put(tmp_path / "r.tsv", rows))
    assert (found.data.columns, found.rows) == (("label", "column_2", "column_3", "text"), {"train": 60})
    with pytest.raises(DataError, match="two columns are named 'text'"):
        inspect(put(tmp_path / "r.tsv", ["text\ttext\tlabel", *rows]))


def test_a_folder_of_splits_and_a_pair(tmp_path):
    for name, count in (("train", 60), ("dev", 30), ("test", 15)):
        lines = [json.dumps({"q1": t, "q2": t[::-1], "y": c}) for t, c in zip(TEXTS, CLASSES, strict=True)]
        put(tmp_path / f"{name}.jsonl", lines[:count])
    found = inspect(str(tmp_path))
    assert (found.data.text, found.data.label) == (("q1", "q2"), "y")
    assert found.rows == {"train": 60, "valid": 30, "test": 15}
    assert found.labels == {"bad": 35, "fair": 35, "good": 35}


def test_of_several_subsets_the_first(tmp_path):
    for language in ("english", "french"):
        for split in ("train", "test"):
            lines = [json.dumps({"text": t, "label": c}) for t, c in zip(TEXTS, CLASSES, strict=True)]
            put(tmp_path / language / f"{split}.jsonl", lines)
    found = inspect(str(tmp_path))
    assert (found.subsets, found.data.subset, found.rows) == (
        ("english", "french"), "english", {"train": 60, "test": 60},
    )  # fmt: skip


def test_labels_that_the_splits_spell_in_two_ways_are_made_the_same(tmp_path):
    put(tmp_path / "train.jsonl", [json.dumps({"text": t, "label": i % 2 == 0}) for i, t in enumerate(TEXTS)])
    write_csv(tmp_path / "test.csv", [(text, str(i % 2 == 0)) for i, text in enumerate(TEXTS[:20])])
    found = inspect(str(tmp_path))
    assert found.data.label_groups == {"true": "true", "false": "false", "True": "true", "False": "false"}
    assert (found.labels, found.fault) == ({"false": 40, "true": 40}, None)


def test_look_alike_labels_of_train_stay_and_are_named(tmp_path):
    labels = ["bad", "Bad", "good"] * 20
    found = inspect(str(write_csv(tmp_path / "r.csv", list(zip(TEXTS, labels, strict=True)))))
    assert found.data.label_groups is None
    assert found.notes == (
        "Labels that look alike are different classes. They differ: 'Bad' (20 rows) and 'bad' (20 rows) by case. "
        "data.label_groups can merge them.",
    )


def test_data_that_cannot_be_used_yet(tmp_path):
    write_csv(tmp_path / "train.csv", list(zip(TEXTS, CLASSES, strict=True)))
    write_csv(tmp_path / "test.csv", list(zip(TEXTS, ["bad", "whale", "good"], strict=False)))
    found = inspect(str(tmp_path))
    assert found.fault == (
        f"{tmp_path / 'test.csv'}, line 3: label 'whale' does not occur in the train split, so nothing can learn it. Train "
        "has bad, fair, good."
    )
    assert found.labels == {"bad": 21, "good": 21, "fair": 20, "whale": 1}


def test_a_word_of_up_to_six_letters_is_a_token():
    assert estimated_tokens("") == 2
    assert estimated_tokens("yellow lamp") == 4
    assert estimated_tokens("yellowish") == 4
    assert estimated_tokens("\u5f88\u597d, yes") == 6


@pytest.mark.parametrize(("texts", "english"), [
    (TEXTS, True), (PORTUGUESE, False), (["phone case red s10 new"] * 60, True),
    (["que comida boa, mas o lugar fica longe"] * 60, False),
    (["\u044d\u0442\u043e \u0445\u043e\u0440\u043e\u0448\u043e"] * 60, False),
    (["a lamp from the caf\u00e9 of the corner was very dim, and so were the chairs"] * 60, True),
])  # fmt: skip
def test_the_language(tmp_path, texts, english):
    rows = [(f"{text} {i}", label) for i, (text, label) in enumerate(zip(texts, CLASSES, strict=True))]
    assert inspect(str(write_csv(tmp_path / "r.csv", rows))).english is english
