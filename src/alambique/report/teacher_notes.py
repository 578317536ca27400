"""What the report says of several teachers, and of those that are known by their answers alone."""

from pathlib import Path
from typing import Any

from alambique.artefacts.answers import answer_facts
from alambique.recipe.recipe import Recipe
from alambique.recipe.sections import DEFAULT_TEACHER, Teacher
from alambique.report.names import model_title
from alambique.report.numbers import percent
from alambique.run.folder import RunFolder
from alambique.run.layout import teacher_folder


def teacher_notes(run: RunFolder, recipe: Recipe, label_names: tuple[str, ...]) -> list[str]:
    """Sentences for the notes of the report; none for a single teacher that is a model.

    Raises:
        CorruptArtefactError: the run does not say how the answers were got.
    """
    notes = []
    if len(recipe.teachers) > 1:
        *others, last = (f"{_title(number)} is {_what(each)}" for number, each in enumerate(recipe.teachers))
        notes.append(
            f"Several teachers labelled train together: {', '.join(others)} and {last}. What the student retains is "
            "measured against all of them together, its agreement against the first."
        )
    for number, settings in enumerate(recipe.teachers):
        if settings.answering is not None:
            subject = "The teacher" if len(recipe.teachers) == 1 else _title(number)
            facts = answer_facts(run.path / teacher_folder(number))
            notes += _of_answers(subject, settings, facts, label_names)
    return notes


def _title(number: int) -> str:
    return model_title(teacher_folder(number))


def _what(settings: Teacher) -> str:
    """What a teacher is, without a folder of this machine."""
    if settings.from_scratch is not None:
        return f"a {settings.from_scratch.architecture} from scratch"
    if settings.answering is not None:
        return {"probabilities": "a file", "zero_shot": "a zero-shot model", "endpoint": "a service"}[
            settings.answering
        ]
    model = settings.model or DEFAULT_TEACHER
    return Path(model).name if Path(model).is_absolute() else model


def _of_answers(
    subject: str, settings: Teacher, facts: dict[str, Any], label_names: tuple[str, ...]
) -> list[str]:  # fmt: skip
    if settings.probabilities is not None:
        return _of_file(subject, Path(settings.probabilities).name, facts, label_names)
    if settings.endpoint is not None:
        return _of_service(subject, facts)
    note = (
        f"{subject} is a zero-shot model: it reads a text once for each of {len(label_names)} sentences, such as "
        f"{facts['sentences'][0]!r}. Its latency was not measured."
    )
    return [note]


def _of_file(subject: str, name: str, facts: dict[str, Any], label_names: tuple[str, ...]) -> list[str]:
    note = (
        f"{subject} is a file of {facts['values']} ({name}): the size and the latency of what made it are not known, and "
        "whether that was trained on rows of valid or test is not known either."
    )
    if not facts["by_position"]:
        return [note]
    return [note, f"Its values have no names of labels; they were taken in the order {', '.join(label_names)}."]


def _of_service(subject: str, facts: dict[str, Any]) -> list[str]:
    note = (
        f"{subject} is the model {facts['model']} of a service: its size and its latency are not known, and whether it "
        "was trained on rows of valid or test is not known either."
    )
    notes = [note]
    if facts["by_words"]:
        measured = ", ".join(f"{label} {percent(value)} %" for label, value in facts["confidence"].items())
        notes.append(
            f"Its answers to {facts['by_words']} rows have no log-probabilities of labels. Their confidence is the share of "
            f"such answers that is right on valid, smoothed: {measured}."
        )
    if facts["unusable"]:
        notes.append(f"Its answers to {facts['unusable']} rows name no label: all labels are equally probable there.")
    return notes
