"""The table of `alambique label`."""

from dataclasses import replace

from alambique.evaluation.label_worth import LabelWorth
from alambique.report.label_table import label_table


def test_a_row_per_seed_in_percent():
    worth = LabelWorth(1, {"accuracy": 0.5, "macro_f1": 0.25}, 0.125, 0.75, 0.8, 0.05)
    table = label_table([worth, worth])
    assert [column.header for column in table.columns] == [
        "seed", "teacher valid acc", "valid F1", "valid error", "labels = train", "confidence", "train error",
    ]  # fmt: skip
    assert [list(column.cells) for column in table.columns] == [
        [value] * 2 for value in ("1", "50.0", "25.0", "12.5", "75.0", "80.0", "5.0")
    ]


def test_contradicted_rows_are_counted_where_they_were_looked_for():
    worth = LabelWorth(1, {"accuracy": 0.5, "macro_f1": 0.25}, 0.125, 0.75, 0.8, 0.05)
    table = label_table([worth, replace(worth, contradicted=1234)])
    assert (table.columns[-1].header, list(table.columns[-1].cells)) == ("contradicted", ["–", "1,234"])
    assert str(table.caption).endswith(
        "contradicted: rows of train whose label the teachers contradict, in contradicted/rows.csv"
    )


def test_train_has_no_labels():
    table = label_table([LabelWorth(1, {"accuracy": 0.5, "macro_f1": 0.25}, 0.125, None, 0.8, None)])
    assert [list(column.cells) for column in table.columns][4:] == [["–"], ["80.0"], ["–"]]
