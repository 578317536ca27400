"""How long the models were trained, in words."""

import pytest
from report_samples import plain_report, typed

from alambique.report.training_words import epochs_sentence


def report(**epochs):
    raw = plain_report()
    for name, (planned, made) in epochs.items():
        raw["models"][name]["epochs"] = {"planned": planned, "made": made}
    return typed(raw)


def test_all_epochs_as_planned():
    trained = report(teacher=(3, [3]), student=(6, [6]), undistilled=(6, [6]))
    assert epochs_sentence(trained) == (
        "Epochs made of those planned: Teacher 3 of 3; Student (distilled) 6 of 6; Student without distillation 6 of 6."
    )


@pytest.mark.parametrize(("made", "words"), [([9], "9 of 30"), ([9, 9], "9 of 30"), ([9, 12, 30], "9, 12, 30 of 30")])
def test_a_student_that_stopped_early_and_its_twin(made, words):
    """A finished teacher was not trained here, and nothing is said of it."""
    assert epochs_sentence(report(student=(30, made), undistilled=(30, made))) == (
        f"Epochs made of those planned: Student (distilled) {words}; Student without distillation {words} (the same steps "
        "and learning rates as its student, which stopped early)."
    )


def test_an_older_report_does_not_say():
    assert epochs_sentence(report()) == ""
