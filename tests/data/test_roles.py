"""Which columns are text and label, and whether a first row is a header."""

import pytest

from alambique.data.roles import Roles, choose_roles, columns_of, is_header
from alambique.data.table import Table
from alambique.errors import DataError

TEXTS = [f"the lamp of room {i} is quite {'bright' if i % 3 else 'dim'} today" for i in range(24)]
CLASSES = ["bad", "fair", "good"] * 8


def table(**columns):
    rows = len(next(iter(columns.values())))
    return Table("t.csv", columns, list(range(2, rows + 2)))


def roles(train, **others):
    return choose_roles({"train": train, **others})


def test_names_decide_where_contents_do_not():
    # the party repeats as a label does, the title is text too
    chosen = roles(table(
        title=[f"about the lamp {i}" for i in range(24)], text=TEXTS, party=["red", "blue"] * 12, sentimento=CLASSES,
    ))  # fmt: skip
    assert (chosen.text, chosen.label) == (("text",), "sentimento")
    assert chosen.other_labels == ()


def test_contents_decide_where_names_do_not():
    chosen = roles(table(
        n=[str(i) for i in range(24)], when=["2024-01-02"] * 12 + ["2024-01-03"] * 12, price=["1.5", "2.25"] * 12,
        words=TEXTS, kind=CLASSES, link=[f"https://x.y/{i}" for i in range(24)], same=["NO_QUERY"] * 24,
    ))  # fmt: skip
    assert chosen == Roles(("words",), "kind")


def test_other_columns_that_may_be_meant_are_named():
    chosen = roles(table(x=TEXTS, y2=CLASSES, z=[text[::-1] for text in TEXTS], w=["in", "out"] * 12))
    assert chosen == Roles(("x",), "w", ("z",), ("y2",))


def test_a_pair_of_texts_in_the_order_of_the_file():
    pair = {"hypothesis": TEXTS[::-1], "premise": TEXTS}
    assert roles(table(label=CLASSES, **pair)) == Roles(("hypothesis", "premise"), "label")


def test_names_of_classes_rather_than_their_numbers():
    numbers = [str(["bad", "fair", "good"].index(name)) for name in CLASSES]
    assert roles(table(text=TEXTS, label=numbers, label_text=CLASSES)).label == "label_text"
    other = ["bad", "fair", "good", "bad"] * 6  # of other classes
    assert roles(table(text=TEXTS, label=numbers, label_text=other)).label == "label"


def test_few_rows_of_many_classes_are_confirmed_by_other_splits():
    intents = [f"intent {i}" for i in range(24)]
    other = table(text=TEXTS * 2, label=intents * 2)
    assert roles(table(text=TEXTS, label=intents), test=other).label == "label"


def test_a_column_of_objects_is_neither():
    train = Table("t.json", {"review": ["{}"] * 24, "review.text": TEXTS, "label": CLASSES}, list(range(24)), {},
                  {"review": (1, "an object")})  # fmt: skip
    assert roles(train) == Roles(("review.text",), "label")
    assert [column.name for column in columns_of({"train": train}, train.all_names)] == ["review.text", "label"]


def test_no_text_and_no_labels():
    with pytest.raises(DataError) as caught:
        roles(table(a=["1", "2"] * 12, b=["true", "false"] * 12))
    assert str(caught.value) == "t.csv: no column looks like text. The columns are a, b."
    with pytest.raises(DataError) as caught:
        roles(table(n=[str(i) for i in range(24)], words=TEXTS))
    assert str(caught.value) == (
        "t.csv: no column looks like labels, whose values repeat. The columns are n, words; words would be the text."
    )


@pytest.mark.parametrize(
    ("first", "header"),
    [
        (("label", "text"), True),
        (("r\u00f3tulo", "frase"), True),
        (("kind", "words"), True),  # nothing speaks against it
        (("bad", "a dim lamp"), False),  # a value of the column
        (("whale", "the lamp of room 99 is dim"), False),  # a sentence above sentences
        (("label", "the lamp of room 99 is dim"), True),
    ],
)
def test_a_header(first, header):
    assert is_header(first, table(**dict(zip(first, (CLASSES, TEXTS), strict=True)))) is header


def test_a_number_above_numbers_is_not_a_header():
    assert not is_header(("0", "hello"), table(**{"0": ["4", "0", "3"] * 8, "hello": ["x y"] * 24}))
    assert is_header(("7", "hello"), table(**{"7": CLASSES, "hello": ["x y"] * 24}))


def test_a_label_with_the_name_of_a_column_is_not_a_header():
    kinds = ["question", "answer"] * 12
    assert not is_header(("question", "where is it"), table(**{"question": kinds, "where is it": TEXTS}))
