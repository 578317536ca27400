"""A file of probabilities: rows by id or text, values by name, all faults of the file in one message."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alambique.artefacts.splits import Split, Splits, row_ids
from alambique.data.probabilities import SMALLEST, read_probabilities
from alambique.errors import DataError

LABELS = ("bad", "fair", "good")
TEXTS = {"train": ("a fine lamp", "a poor lamp", "a, so so, lamp"), "valid": ("one door",), "test": ("two doors",)}


def splits_of(texts=TEXTS):
    made = []
    for name, of_split in texts.items():
        segments = [(text,) for text in of_split]
        made.append(
            Split(name, row_ids(name, segments), tuple(of_split), None, np.zeros(len(of_split), dtype=np.int64))
        )
    return Splits(*made, LABELS)


SPLITS = splits_of()
EVERY = [text for of_split in TEXTS.values() for text in of_split]
GIVEN = {text: [0.1 * i, 0.2, 0.8 - 0.1 * i] for i, text in enumerate(EVERY)}


def records(given=GIVEN, **more):
    return [{"text": text, **dict(zip(LABELS, values, strict=True)), **more} for text, values in given.items()]


def csv(records):
    quoted = [[f'"{cell}"' for cell in row] for row in [list(records[0]), *(record.values() for record in records)]]
    return "".join(",".join(row) + "\n" for row in quoted)


def jsonl(records):
    return "".join(json.dumps(record) + "\n" for record in records)


def read(tmp_path, content, name="p.csv", splits=SPLITS, text=("text",)):
    path = tmp_path / name
    path.write_text(content, "utf-8")
    return read_probabilities(path, splits, text)


def message(tmp_path, content, name="p.csv", **options):
    with pytest.raises(DataError) as refused:
        read(tmp_path, content, name, **options)
    return str(refused.value).replace(str(tmp_path / name), "FILE")


def softmax(logits):
    p = np.exp(logits)
    return p / p.sum(1, keepdims=True)


def expected(split):
    return np.array([GIVEN[text] for text in split.texts])


@pytest.mark.parametrize(("name", "write"), [
    ("p.csv", csv), ("p.jsonl", jsonl), ("p.json", json.dumps),
    ("p.tsv", lambda made: csv(made).replace('","', '"\t"').replace('"', "")),
])  # fmt: skip
def test_probabilities_come_back_by_text_whatever_the_order_of_rows_and_columns(tmp_path, name, write):
    shuffled = [{k: record[k] for k in ("good", "text", "bad", "fair")} for record in reversed(records())]
    file = read(tmp_path, write(shuffled), name)
    for split in SPLITS:
        np.testing.assert_allclose(softmax(file.logits[split.name]), expected(split), atol=2e-6)
        assert file.logits[split.name].dtype == np.float32
    assert (file.kind, file.by_position) == ("probabilities", False)


def test_parquet_with_a_list_for_each_row(tmp_path):
    path = tmp_path / "p.parquet"
    pq.write_table(pa.table({"text": EVERY, "probabilities": [GIVEN[text] for text in EVERY]}), path)
    file = read_probabilities(path, SPLITS, ("text",))
    np.testing.assert_allclose(softmax(file.logits["train"]), expected(SPLITS.train), atol=2e-6)
    assert file.by_position is True


def test_json_lines_with_the_answers_of_a_pipeline(tmp_path):
    made = [
        {"text": text, "scores": [{"label": name, "score": value}
                                  for name, value in reversed(list(zip(LABELS, GIVEN[text], strict=True)))]}
        for text in EVERY
    ]  # fmt: skip
    file = read(tmp_path, jsonl(made), "p.jsonl")
    np.testing.assert_allclose(softmax(file.logits["valid"]), expected(SPLITS.valid), atol=2e-6)


def test_rows_are_found_by_id_too(tmp_path):
    ids = [(row_id, text) for split in SPLITS for row_id, text in zip(split.ids, split.texts, strict=True)]
    made = [{"id": row_id, **dict(zip(LABELS, GIVEN[text], strict=True))} for row_id, text in reversed(ids)]
    file = read(tmp_path, csv(made))
    np.testing.assert_allclose(softmax(file.logits["train"]), expected(SPLITS.train), atol=2e-6)


def test_ids_of_the_users_own_do_not_stand_in_the_way_of_texts(tmp_path):
    made = [{"id": str(i), **record} for i, record in enumerate(records())]
    assert read(tmp_path, csv(made)).kind == "probabilities"


def test_spaces_do_not_matter_in_texts(tmp_path):
    made = [{**record, "text": f" {record['text'].replace(' ', '  ')}"} for record in records()]
    assert read(tmp_path, jsonl(made), "p.jsonl").kind == "probabilities"


def test_pairs_are_found_by_both_texts(tmp_path):
    pairs = Splits(*(Split(s.name, s.ids, ("same",) * len(s), s.texts, s.labels) for s in SPLITS), LABELS)
    made = [{"first": "same", "second": r["text"], **{name: r[name] for name in LABELS}} for r in records()]
    file = read(tmp_path, csv(made), splits=pairs, text=("first", "second"))
    np.testing.assert_allclose(softmax(file.logits["train"]), expected(SPLITS.train), atol=2e-6)


def test_logits_are_taken_as_they_are(tmp_path):
    made = records({text: [-3.5, 0.25, 4.0] for text in EVERY})
    file = read(tmp_path, csv(made))
    assert file.kind == "logits"
    assert file.logits["test"].tolist() == [[-3.5, 0.25, 4.0]]


def test_logits_that_happen_to_be_small_are_logits_where_their_name_says_so(tmp_path):
    made = [{"text": text, "logits": [0.5, 0.25, 0.25]} for text in EVERY]
    assert read(tmp_path, jsonl(made), "p.jsonl").logits["test"].tolist() == [[0.5, 0.25, 0.25]]


def test_a_probability_of_zero_has_a_finite_logit(tmp_path):
    file = read(tmp_path, csv(records({text: [1, 0, 0] for text in EVERY})))
    np.testing.assert_allclose(file.logits["test"], [[0, np.log(SMALLEST), np.log(SMALLEST)]], rtol=1e-6)


def test_rounded_probabilities_are_scaled_to_one(tmp_path):
    file = read(tmp_path, csv(records({text: [0.33, 0.33, 0.33] for text in EVERY})))
    np.testing.assert_allclose(np.exp(file.logits["test"]), [[1 / 3] * 3], rtol=1e-6)


def test_rows_that_the_data_does_not_have_do_not_matter(tmp_path):
    made = [*records(), {"text": "another", "bad": "none", "fair": "", "good": 7}]
    assert read(tmp_path, csv(made)).kind == "probabilities"


def test_all_faults_are_named_at_once(tmp_path):
    made = records()
    made[1] |= {"good": "high"}
    made[2] |= {"bad": 0.9}
    del made[3]
    made.append({**made[0], "bad": 0.3, "good": 0.5})
    valid = SPLITS.valid.ids[0]
    assert message(tmp_path, csv(made)) == (
        "teacher.probabilities: FILE has 4 problems:\n"
        f"  1 of 1 rows of valid are not in it, such as {valid} ('one door').\n"
        "  line 3: good is 'high', not a finite number.\n"
        "  lines 2 and 6: the same row ('a fine lamp') with different values.\n"
        "  line 4: the probabilities sum to 1.7, not to 1."
    )


def test_of_many_faults_of_a_kind_the_first_are_named(tmp_path):
    texts = {"train": tuple(f"text {i}" for i in range(9)), "valid": ("v",), "test": ("t",)}
    given = {text: [0.2, 0.2, 0.6] for of_split in texts.values() for text in of_split}
    made = records({text: [0.2, 0.2, 0.2] if text in texts["train"][:5] else p for text, p in given.items()})
    assert message(tmp_path, csv(made), splits=splits_of(texts)) == (
        "teacher.probabilities: FILE has 4 problems:\n"
        "  line 2: the probabilities sum to 0.6, not to 1.\n"
        "  line 3: the probabilities sum to 0.6, not to 1.\n"
        "  line 4: the probabilities sum to 0.6, not to 1.\n"
        "  2 more rows like the last."
    )


def test_a_negative_probability(tmp_path):
    made = [*records()[:-1], {"text": EVERY[-1], "bad": -0.5, "fair": 0.5, "good": 1}]
    assert message(tmp_path, csv(made)) == (
        "teacher.probabilities: FILE has a problem:\n  line 6: the probability -0.5 is less than 0."
    )


def test_percentages_are_refused(tmp_path):
    made = records({text: [10, 20, 70] for text in EVERY})
    assert message(tmp_path, csv(made)).splitlines()[1] == (
        "  line 2: the probabilities sum to 100, not to 1. Write percentages as fractions."
    )


def test_the_same_row_twice_with_the_same_values_is_fine(tmp_path):
    assert read(tmp_path, csv([*records(), *records()])).kind == "probabilities"


def test_a_file_whose_rows_cannot_be_found(tmp_path):
    made = [{"id": "7", "statement": "x", "bad": 1, "fair": 0, "good": 0}]
    assert message(tmp_path, csv(made)) == (
        "teacher.probabilities: FILE: its rows cannot be found in the data. It needs the column 'text' with the texts, or "
        f"the row ids of a run, such as {SPLITS.train.ids[0]} (in data/train.parquet of the run): its column 'id' has none. "
        "Its columns are id, statement, bad, fair, good."
    )


def test_no_such_file(tmp_path):
    with pytest.raises(DataError) as refused:
        read_probabilities(tmp_path / "none.csv", SPLITS, ("text",))
    assert str(refused.value) == f"teacher.probabilities: {tmp_path / 'none.csv'}: there is no such file."


@given(order=st.permutations(range(5)), columns=st.permutations(["text", *LABELS]))
def test_labels_follow_rows_through_any_order(tmp_path_factory, order, columns):
    made = [{name: record[name] for name in columns} for record in (records()[i] for i in order)]
    file = read(tmp_path_factory.mktemp("order"), jsonl(made), "p.jsonl")
    for split in SPLITS:
        np.testing.assert_allclose(softmax(file.logits[split.name]), expected(split), atol=2e-6)


def test_a_split_without_rows(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text(jsonl(records()))
    assert read_probabilities(path, SPLITS.without_test(), ("text",)).logits["test"].shape == (0, 3)
