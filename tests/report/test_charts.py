"""Which charts there are, and what they say (:mod:`alambique.report.charts` and :mod:`alambique.report.plots`)."""

import re
from dataclasses import replace

import pytest
from report_samples import full_report, hostile, plain_report, typed

from alambique.report.charts import charts, confusion_matrices, gain_chart
from alambique.report.details import Details

pytestmark = pytest.mark.usefixtures("drawn_figures")


def test_headings_and_captions():
    report, details = hostile()
    assert [(chart.title, chart.caption) for chart in charts(report, details)] == [
        ("Quality against latency", "Higher and further left is better. The time axis is logarithmic."),
        ("Quality during training", "After each epoch; the best epoch is the one used."),
        ("Loss during training", "The student's loss mixes soft and hard labels: compare shapes, not heights."),
        ("Reliability", "On the dotted line a model that is 70 % confident is right 70 times out of 100. Below the line it "
         "is over-confident. The larger the mark, the more rows."),
        ("Lengths of the texts", "1 of 5 training texts (20.0 %) are cut and lose their end."),
    ]  # fmt: skip


def test_without_data_there_is_no_chart():
    assert charts(typed(plain_report()), Details()) == confusion_matrices(typed(plain_report()), Details()) == []
    assert gain_chart(typed(plain_report())) is None


def test_lengths_below_the_cut_off():
    (chart,) = charts(typed(plain_report()), Details(token_lengths=[3] * 1200))
    assert chart.caption == "None of the 1,200 training texts is longer than the cut-off."
    assert 'aria-label="Histogram of the lengths of 1200 training texts"' in chart.svg
    assert ">cut-off 16</text>" in chart.svg


def test_only_models_with_a_latency_are_drawn():
    chart = charts(typed(full_report()), Details())[0]
    assert 'aria-label="macro-F1 on test against the time per text, for 4 models"' in chart.svg
    assert "tfidf</text>" in chart.svg
    assert "majority" not in chart.svg


def test_a_confusion_matrix_counts_and_names():
    details = Details(confusion={"student": [[3, 1], [0, 12]], "teachers/a": [[4, 0], [0, 12]]})
    student, teacher = confusion_matrices(typed(plain_report()), details)
    assert (student.title, student.caption) == ("Student (distilled)", "Right on 15 of 16 rows of test.")
    assert (teacher.title, teacher.caption) == ("Teacher a", "Right on 16 of 16 rows of test.")
    assert re.findall(r">(\d+)</text>", student.svg) == ["3", "1", "0", "12"]
    assert [name for name in ("bad", "good", "prediction", "true label") if f">{name}</text>" in student.svg] == [
        "bad", "good", "prediction", "true label",
    ]  # fmt: skip


def test_ids_of_all_charts_are_different():
    report, details = hostile()
    details = replace(details, confusion={"student": [[1, 2], [3, 4]], "teachers/a": [[1, 2], [3, 4]]})
    drawn = [chart.svg for chart in (*charts(report, details), *confusion_matrices(report, details))]
    ids = [name for svg in [*drawn, gain_chart(report)] for name in re.findall(r'\bid="([^"]+)"', svg)]
    assert len(ids) == len(set(ids)) > 10
    assert any(name.startswith("confusion-teachers-a-") for name in ids)


@pytest.mark.parametrize(("seeds", "ticks"), [([0.02], False), ([0.01, 0.03], True)])
def test_the_gain_has_a_tick_per_seed_where_there_are_several(seeds, ticks):
    raw = full_report()
    raw["verdict"]["gain"] |= {"per_seed": seeds}
    drawn = gain_chart(typed(raw))
    raw["verdict"]["gain"] |= {"per_seed": []}
    assert (len(drawn) > len(gain_chart(typed(raw)))) is ticks
