"""The table of models on the page."""

from report_samples import MODELS, full_report, plain_report, typed

from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.report.model_table import model_table

QUALITY = [
    "macro-F1, %", "accuracy, %", "agrees with teacher, %", "quadratic weighted kappa, %",
    "mean absolute error, classes", "KL to teacher, nats",
    "calibration error, %",
]  # fmt: skip


def test_columns_are_those_of_the_task_and_on_test_the_cost():
    table = model_table(typed(full_report()).models, "test", SINGLE_LABEL)
    assert table.columns == [*QUALITY, "parameters", "latency p50, ms", "texts per second", "fitted temperature"]
    assert table.absent == []
    assert list(table.rows) == list(MODELS)
    assert table.rows["student"] == (
        ("45.0", "43.0 to 47.0"), ("45.0", "43.0 to 47.0"), ("45.0", "43.0 to 47.0"),
        ("45.0", "43.0 to 47.0"), ("1.40", "1.38 to 1.42"),
        ("0.200", "0.180 to 0.220"), ("45.0", "43.0 to 47.0"), ("250", "0.0 MB"), ("12.0", "p99 24.0"), ("99", ""),
        ("1.30", ""),
    )  # fmt: skip
    assert table.rows["majority"][3:] == ((None, ""),) * 4 + (("0", ""),) + ((None, ""),) * 3


def test_beside_the_calibration_error_is_what_a_calibrated_model_shows():
    raw = full_report()
    error = {"mean": 0.064, "low": None, "high": None, "per_seed": [0.064], "if_calibrated": 0.0612}
    raw["models"]["student"]["test"]["expected_calibration_error"] = error
    cells = model_table(typed(raw).models, "test", SINGLE_LABEL).rows["student"]
    assert cells[QUALITY.index("calibration error, %")] == ("6.4", "if calibrated 6.1")


def test_columns_without_a_figure_are_named_and_left_out():
    table = model_table(typed(plain_report()).models, "valid", SINGLE_LABEL)
    assert table.columns == QUALITY[:3]
    assert table.absent == ["quadratic weighted kappa", "mean absolute error", "KL to teacher", "calibration error"]
    assert table.rows["tfidf"] == (("35.0", ""),) * 3
