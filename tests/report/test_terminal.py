"""What the terminal shows of a report."""

import io

from report_samples import TWIN, full_report, plain_report, typed, unmeasured_report
from rich.console import Console

from alambique.report.terminal import comparison, verdict_line
from alambique.report.verdict_words import verdict_words


def test_the_verdict_with_its_interval_and_how_to_learn_more_than_a_single_seed_tells():
    raw = full_report("no")
    raw["verdict"]["gain"] |= {"mean": -0.027, "low": -0.055, "high": -0.0012}
    said = f"Distillation hurt: -2.7 points of macro-F1 on test compared with {TWIN} (95 % interval over rows"
    assert verdict_line(typed(raw)) == (
        f"{said} only: -5.5 to -0.1). Each model was trained once, and rows alone cannot tell what another seed would give: "
        "--seeds 3 trains all of them three times, --set student.seeds=3 only student and undistilled student, on this "
        "teacher."
    )
    raw["verdict"]["counts"] = "rows and seeds"
    assert verdict_line(typed(raw)) == f"{said} and seeds: -5.5 to -0.1)."


def lines(report):
    out = io.StringIO()
    Console(width=110, file=out).print(comparison(report))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_the_table_has_a_row_per_model_in_percent():
    raw = plain_report()
    raw["models"]["teachers/fold-0"] = raw["models"]["teacher"]
    text = lines(typed(raw))
    assert [cell.strip() for cell in text[1].strip("┃").split("┃")] == [
        "model", "parameters", "valid acc", "valid F1", "test acc", "test F1", "agrees",
    ]  # fmt: skip
    assert [[cell.strip() for cell in line.strip("│").split("│")] for line in text[3:-2]] == [
        ["Teacher", "1,000", *["50.0"] * 5],
        ["Student (distilled)", "250", *["45.0"] * 5],
        ["Student without distillation", "250", *["40.0"] * 5],
        ["TF-IDF + logistic regression", "90", *["35.0"] * 5],
        ["Majority class", "0", *["30.0"] * 5],
        ["Teacher fold-0", "1,000", *["50.0"] * 5],
    ]
    assert text[-1] == "percent; figures on valid are those of the epoch chosen there, so they flatter"


def test_the_caption_says_over_how_many_seeds_a_mean_is():
    raw = plain_report()
    raw["seeds"] |= {"all": [0, 1, 2]}
    assert lines(typed(raw))[-1].startswith("percent, means over 3 seeds; figures on valid are those of")


def test_a_gain_that_is_not_measured():
    report = typed(unmeasured_report())
    words = verdict_words(report)
    assert verdict_line(report) == f"{words.sentence} {words.remarks}"
    assert [line.split("│")[1].strip() for line in lines(report) if line.startswith("│")] == [
        "Teacher", "Student (distilled)",
    ]  # fmt: skip
