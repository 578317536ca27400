import pytest

from alambique.data.column_names import is_known, label_name, partner, text_name


@pytest.mark.parametrize(
    ("name", "text", "label"),
    [
        ("text", 2, 0), ("Sentence", 2, 0), ("review", 2, 0), ("texto", 2, 0), ("Frase", 2, 0), ("coment\u00e1rio", 2, 0),
        ("comenta\u0301rio", 2, 0), ("avalia\u00e7\u00e3o", 2, 0), ("\u6587\u672c", 2, 0), ("review.text", 1, 0),
        ("reviewText", 1, 0), ("clean_text", 1, 0),
        ("label", -2, 2), ("class", -2, 2), ("Category", -2, 2), ("r\u00f3tulo", -2, 2), ("classe", -2, 2),
        ("SENTIMENTO", -2, 2), ("\u6807\u7b7e", -2, 2), ("label_text", -2, 2), ("true_label", -1, 1),
        ("id", -2, -2), ("data", -2, -2), ("user_name", -1, -1), ("speaker", -2, -2),
        ("x", 0, 0), ("context", 0, 0),
    ],
)  # fmt: skip
def test_what_a_name_speaks_of(name, text, label):
    assert (text_name(name), label_name(name)) == (text, label)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("q1", "q2"), ("q2", "q1"), ("a", "b"), ("sentence_1", "sentence_2"), ("premise", "hypothesis"),
        ("Hypothesis", "Premise"), ("question", "sentence"), ("premissa", "hip\u00f3tese"), ("text", "text_pair"),
    ],
)  # fmt: skip
def test_pairs(name, other):
    assert partner(name, (name, "label", other)) == other
    assert partner(name, (name, "label")) is None


def test_columns_without_names_are_no_pairs():
    assert partner("column_1", ("column_1", "column_2")) is None


@pytest.mark.parametrize(("name", "known"), [
    ("text", True), ("R\u00f3tulo", True), ("date", True), ("sentence1", True), ("q2", True), ("1", False), ("ham", False),
    ("a really good pizza", False), ("2", False), ("", False),
])  # fmt: skip
def test_names_of_headers(name, known):
    assert is_known(name) is known
