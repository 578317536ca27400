"""Columns of values found by the names of the labels, in whatever form a file has them."""

import json

import numpy as np
import pytest

from alambique.data.label_columns import NoValuesError, find_label_columns, order_of
from alambique.data.table import Table

LABELS = ("bad", "fair", "good")


def table(**columns):
    rows = len(next(iter(columns.values())))
    return Table("p.csv", columns, list(range(2, rows + 2)))


def values(columns, *, taken=("text",)):
    return find_label_columns(Table("p.csv", columns, [2]), LABELS, set(taken)).values(0)


@pytest.mark.parametrize("columns", [
    {"good": ["0.7"], "bad": ["0.1"], "fair": ["0.2"]},
    {"Good": ["0.7"], "bad": ["0.1"], "FAIR": ["0.2"]},
    {"prob_good": ["0.7"], "prob_bad": ["0.1"], "prob_fair": ["0.2"]},
    {"scores.good": ["0.7"], "scores.bad": ["0.1"], "scores.fair": ["0.2"]},
    {"scores": ['{"good": 0.7, "bad": 0.1, "fair": 0.2}']},
    {"scores": ["{'good': 0.7, 'bad': 0.1, 'fair': 0.2}"]},
    {"label": ["good"], "scores": [json.dumps([{"label": "good", "score": 0.7}, {"label": "bad", "score": 0.1},
                                               {"label": "fair", "score": 0.2}])]},
])  # fmt: skip
def test_values_are_put_into_the_order_of_the_labels_by_name(columns):
    found, by_position = values(columns)
    assert found.tolist() == [0.1, 0.2, 0.7]
    assert by_position is False


def test_a_list_without_names_is_taken_in_the_order_of_the_labels():
    found, by_position = values({"probabilities": ["[0.1, 0.2, 0.7]"]})
    assert (found.tolist(), by_position) == ([0.1, 0.2, 0.7], True)


@pytest.mark.parametrize(("columns", "kind"), [
    ({"logit_bad": ["1"], "logit_fair": ["1"], "logit_good": ["1"]}, "logits"),
    ({"teacher logits": ["[1, 1, 1]"]}, "logits"),
    ({"probabilities": ["[1, 1, 1]"]}, "probabilities"),
    ({"bad": ["1"], "fair": ["1"], "good": ["1"]}, None),
])  # fmt: skip
def test_the_name_may_say_what_the_values_are(columns, kind):
    assert find_label_columns(Table("p.csv", columns, [2]), LABELS, ()).kind == kind


def test_of_logits_and_probabilities_the_probabilities_are_taken():
    columns = {f"{word}_{label}": [value] for word, value in (("logit", "5"), ("prob", "0.5")) for label in LABELS}
    assert values(columns)[0].tolist() == [0.5] * 3


@pytest.mark.parametrize(("columns", "message"), [
    ({"bad": [""], "fair": ["0"], "good": ["1"]}, "bad is empty"),
    ({"bad": [None], "fair": ["0"], "good": ["1"]}, "bad is empty"),
    ({"bad": ["x"], "fair": ["0"], "good": ["1"]}, "bad is 'x', not a finite number"),
    ({"bad": ["nan"], "fair": ["0"], "good": ["1"]}, "bad is 'nan', not a finite number"),
    ({"bad": ["inf"], "fair": ["0"], "good": ["1"]}, "bad is 'inf', not a finite number"),
    ({"p": ["[1, 2]"]}, "p has 2 values for 3 labels"),
    ({"p": ["[true, 0, 0]"]}, "bad is 'True', not a finite number"),
    ({"p": ['{"bad": 1, "good": 0}']}, "p has values for bad, good; the labels are bad, fair, good"),
    ({"p": ['{"bad": 1, "fair": 0, "good": 0, "odd": 0}']},
     "p has values for bad, fair, good, odd; the labels are bad, fair, good"),
    ({"p": ['[{"label": "bad"}]']}, "\"{'label': 'bad'}\" has no label and score"),
])  # fmt: skip
def test_what_is_wrong_with_a_row(columns, message):
    with pytest.raises(NoValuesError) as refused:
        values(columns)
    assert str(refused.value) == message


def test_a_cell_that_calls_something_is_not_evaluated():
    columns = {"p": ["[1, 0, 0]", "[__import__('os').getpid(), 0, 0]"]}
    with pytest.raises(NoValuesError, match="is not a list or a mapping of values"):
        find_label_columns(Table("p.csv", columns, [2, 3]), LABELS, ()).values(1)


def test_a_label_without_a_column_is_named():
    with pytest.raises(NoValuesError) as refused:
        find_label_columns(table(text=["a"], bad=["1"], fiar=["0"], good=["0"]), LABELS, {"text"})
    assert str(refused.value) == (
        "no column holds the values of fair. Did you mean fiar? It needs a column for each label (bad, fair, good), or one "
        "column with a list or mapping of their values. Its columns are text, bad, fiar, good"
    )


def test_a_value_of_something_that_is_not_a_label_is_named():
    columns = {f"scores.{label}": ["0.25"] for label in (*LABELS, "neutral")}
    with pytest.raises(NoValuesError) as refused:
        values(columns)
    assert str(refused.value) == "column scores.neutral is not of a label; the labels are bad, fair, good"


def test_names_that_differ_by_case_alone_are_matched_exactly_or_not_at_all():
    assert order_of(["Bad", "bad"], ("bad", "Bad")) == [1, 0]
    assert order_of(["BAD", "bad"], ("Bad",)) is None
    assert order_of(["pants fire", "True"], ("true", "pants-fire")) == [1, 0]


def test_values_are_float64():
    assert values({"bad": ["0.1"], "fair": ["0.2"], "good": ["0.7"]})[0].dtype == np.float64
