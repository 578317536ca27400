"""The verdict in words, one wording for every place that shows it."""

import re
from pathlib import Path

import pytest
from report_samples import TWIN, full_report, plain_report, typed, unmeasured_report

from alambique.report.verdict_words import BADGES, VerdictWords, verdict_words

ONE_SEED = (
    "Each model was trained once, and rows alone cannot tell what another seed would give: --seeds 3 trains all of them "
    "three times, --set student.seeds=3 only student and undistilled student, on this teacher."
)


@pytest.mark.parametrize(
    ("helped", "gain", "badge", "explanation"),
    [
        ("yes", (0.02, 0.005, 0.05), "Distillation helped",
         f"+2.0 points of macro-F1 on test compared with {TWIN} (95 % interval over rows only: +0.5 to +5.0)."),
        ("no", (-0.03, -0.05, -0.011), "Distillation hurt",
         f"-3.0 points of macro-F1 on test compared with {TWIN} (95 % interval over rows only: -5.0 to -1.1)."),
        ("not shown", (0.02, -0.01, 0.05), "Not shown that distillation helped",
         f"+2.0 points of macro-F1 on test compared with {TWIN} (95 % interval over rows only: -1.0 to +5.0, which "
         "includes zero)."),
        # a single seed may be called "not shown" by its rule, whatever the rows say
        ("not shown", (0.02, 0.01, 0.05), "Not shown that distillation helped",
         f"+2.0 points of macro-F1 on test compared with {TWIN} (95 % interval over rows only: +1.0 to +5.0)."),
        ("not shown", (-0.0001, None, None), "Not shown that distillation helped",
         f"+0.0 points of macro-F1 on test compared with {TWIN}."),
    ],
)  # fmt: skip
def test_each_outcome(helped, gain, badge, explanation):
    raw = full_report(helped)
    raw["verdict"]["gain"] |= dict(zip(("mean", "low", "high"), gain, strict=True))
    words = verdict_words(typed(raw))
    assert words == VerdictWords(badge, explanation, ONE_SEED)
    assert words.sentence == f"{badge}: {explanation}"


def test_several_seeds_need_no_caveat():
    raw = full_report("yes", low=0.005)
    raw["verdict"]["counts"] = "rows and seeds"
    words = verdict_words(typed(raw))
    assert words.caveat == ""
    assert words.explanation.endswith("(95 % interval over rows and seeds: +0.5 to +5.0).")


def test_several_students_of_one_teacher():
    raw = full_report("yes", low=0.005)
    raw["verdict"]["counts"] = "rows and student seeds"
    words = verdict_words(typed(raw))
    assert words.explanation.endswith("(95 % interval over rows and student seeds: +0.5 to +5.0).")
    assert words.remarks == (
        "The teacher is one and the same for all trainings; another may give a different answer (--seeds 3)."
    )


def test_what_test_cannot_decide():
    raw = full_report()
    raw["verdict"]["resolution"] = {"rows": 300, "student_wrong": 3.0, "undistilled_wrong": 4.0, "difference": 0.012}
    raw["verdict"]["gain"]["per_seed"] = [0.02]
    limit = (
        "Of 300 rows of test the student gets 3 wrong, the same model without a teacher 4: no difference smaller than 1.2 "
        "points can be seen."
    )
    assert verdict_words(typed(raw)).remarks == f"{limit} {ONE_SEED}"
    raw["verdict"] |= {"counts": "rows and seeds", "gain": raw["verdict"]["gain"] | {"per_seed": [0.01, 0.03]}}
    assert verdict_words(typed(raw)).remarks == limit.replace("gets 3", "gets in the mean 3")
    raw["verdict"]["helped"] = "yes"
    assert verdict_words(typed(raw)).remarks == ""


def test_what_an_older_report_does_not_say_is_left_out():
    raw = full_report()
    raw["verdict"]["counts"] = None
    words = verdict_words(typed(raw))
    assert words.caveat == ""
    assert words.explanation.endswith("(95 % interval: -1.0 to +5.0, which includes zero).")


def test_without_a_verdict_nothing_is_made_up():
    assert verdict_words(typed(plain_report())) == VerdictWords(
        "Verdict not computed",
        f"on test the student reaches 45.0 % macro-F1, {TWIN} 40.0 % and the teacher 50.0 %.",
    )


def test_page_card_and_terminal_say_the_same():
    from alambique.evaluation.tasks import TASKS
    from alambique.report.details import Details
    from alambique.report.html import html_page
    from alambique.report.model_card import model_card
    from alambique.report.terminal import verdict_line

    for helped in ("yes", "no", "not shown"):
        report = typed(full_report(helped, low=0.005))
        words = verdict_words(report)
        page = html_page(report, Details(), TASKS["single_label"]).replace("\u00a0", " ").replace("−", "-")
        assert f">{words.badge}</p>" in page
        assert f">{words.sentence} The student keeps" in page
        assert f"<p>The intervals cover the variation of rows only. {words.remarks}</p>" in page
        assert f"**{words.badge}**: {words.explanation} {words.remarks}\n" in model_card(report)
        assert verdict_line(report) == f"{words.sentence} {words.remarks}"


def test_figures_on_valid_are_said_to_flatter():
    from alambique.evaluation.tasks import TASKS
    from alambique.report.details import Details
    from alambique.report.html import html_page
    from alambique.report.model_card import model_card
    from alambique.report.terminal import comparison

    report = typed(full_report())
    chosen = "igures on valid are those of the epoch chosen there, so they flatter"
    assert f'<p class="quiet">F{chosen}: judge by test.</p>' in html_page(report, Details(), TASKS["single_label"])
    assert f"Every choice was made on valid, none on test: f{chosen}." in model_card(report)
    assert comparison(report).caption == f"percent; f{chosen}"


def test_the_page_about_the_report_has_the_same_words():
    page = (Path(__file__).parents[2] / "docs" / "report.md").read_text("utf-8")
    assert dict(re.findall(r"^\| `(yes|no|not shown|not measured)` \| (.+) \|$", page, re.MULTILINE)) == BADGES
    raw = full_report("yes")
    raw["verdict"]["gain"] |= {"mean": 0.015, "low": 0.001, "high": 0.029}
    raw["verdict"]["counts"] = "rows and seeds"
    assert f'"{verdict_words(typed(raw)).sentence}"' in " ".join(page.split())


CLAIMS = (
    "What can be claimed: the figures of student and teacher on valid and test, and what the student keeps of the teacher. "
    "What cannot: that distillation is better than training the same model on labels."
)
NO_TWIN = "train has no labels, so there is no student trained without a teacher to compare with."


def test_train_has_no_labels():
    words = verdict_words(typed(unmeasured_report()))
    assert words.sentence == (
        f"Not measured whether distillation helped: {NO_TWIN} What is measured is how much of the teacher the student "
        "keeps: 95.0 % of its macro-F1 on test (95 % interval over rows only: 90.0 to 100.0)."
    )
    assert words.remarks == (
        f"{CLAIMS} The student was trained once, and rows alone cannot tell what another seed would give: --set "
        "student.seeds=3 trains it three times."
    )


def test_train_has_no_labels_and_the_teacher_is_never_right():
    raw = unmeasured_report()
    raw["verdict"] |= {"counts": "rows and student seeds"}
    raw["verdict"]["retention"] |= {"mean": None, "low": None, "high": None}
    words = verdict_words(typed(raw))
    assert words.explanation == (
        f"{NO_TWIN} What the student keeps of the teacher is not known either: the teacher's own figure on test is 0."
    )
    assert words.remarks == CLAIMS
