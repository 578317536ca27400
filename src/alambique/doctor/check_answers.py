"""Whether the answers of a teacher without weights are in the data's order and beat guessing, on all of valid."""

from alambique.doctor.check_labels import check_decisions
from alambique.doctor.check_teacher import check_logits
from alambique.doctor.codes import Code
from alambique.doctor.setup import Setup
from alambique.errors import RecipeError
from alambique.evaluation.usefulness import most_frequent, usefulness
from alambique.findings import Finding
from alambique.inference.answering import Requests

WEAK = Code(
    "weak-answers",
    "a teacher known by its answers (such as `teacher.probabilities`) that is no better than guessing on valid, by "
    "macro-F1 and by accuracy",
    "Look whether the answers stand with the right rows and labels, or take another teacher.",
)


def check(setup: Setup) -> list[Finding]:
    """Judge the answers to valid; nothing where the teacher is a model or has not been asked yet."""
    logits, splits = setup.valid_answers, setup.splits
    if logits is None or not len(splits.valid):
        return []
    labels = splits.valid.labels
    findings = check_logits(logits, "teacher", setup.task)
    findings = findings or check_decisions(setup, logits, labels, "teacher")
    if findings:
        return findings
    frequent = most_frequent(splits)
    useful = usefulness(setup.task, logits, labels, frequent)
    if useful.is_useful:
        return []
    compared = useful.against(f"always answering {setup.task.words(frequent, splits.label_names)!r}")
    return [WEAK.finding("teacher", f"On valid, the teacher gets {compared}. A student would learn noise from it.")]


def check_budget(requests: Requests | None) -> None:
    """Refuse a budget that does not suffice even if no request fails.

    Args:
        requests: what a service will be asked; None where none is asked.

    Raises:
        RecipeError: it does not.
    """
    if requests is None or requests.most is None or requests.most >= requests.count:
        return
    raise RecipeError(
        f"teacher.endpoint.max_requests is {requests.most}, and {requests.count} requests are needed: one for each "
        f"different text of the {requests.rows} rows. Set teacher.endpoint.max_requests to {requests.count} or more "
        "(requests that fail count too), or take fewer rows."
    )
