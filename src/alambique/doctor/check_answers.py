"""Whether the answers of a teacher without weights are in the data's order and beat guessing, on all of valid."""

from alambique.doctor.check_labels import check_behaviour
from alambique.doctor.check_teacher import check_logits
from alambique.doctor.codes import Code
from alambique.doctor.setup import Setup
from alambique.evaluation.usefulness import most_frequent, usefulness
from alambique.findings import Finding

WEAK = Code(
    "weak-answers",
    "a teacher known by its answers (`teacher.probabilities`) that is no better than guessing on valid, by macro-F1 and by "
    "accuracy",
    "Look whether the answers stand with the right rows and labels, or take another teacher.",
)


def check(setup: Setup) -> list[Finding]:
    """Judge the answers to valid; nothing where the teacher is a model or has not been asked yet."""
    logits, splits = setup.valid_answers, setup.splits
    if logits is None or not len(splits.valid):
        return []
    labels = splits.valid.labels
    findings = check_logits(logits, "teacher")
    findings = findings or check_behaviour(setup.task.decide(logits), labels, len(splits.label_names), "teacher")
    if findings:
        return findings
    frequent = most_frequent(splits.train.labels)
    useful = usefulness(setup.task, logits, labels, frequent)
    if useful.is_useful:
        return []
    compared = useful.against(f"always answering {splits.label_names[frequent]!r}")
    return [WEAK.finding("teacher", f"On valid, the teacher gets {compared}. A student would learn noise from it.")]
