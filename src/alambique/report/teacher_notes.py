"""What the report says of a teacher that is known by its answers alone."""

from pathlib import Path
from typing import Any

from alambique.artefacts.answers import answer_facts
from alambique.recipe.recipe import Recipe
from alambique.report.numbers import percent
from alambique.run.folder import RunFolder
from alambique.run.layout import TEACHER


def teacher_notes(run: RunFolder, recipe: Recipe, label_names: tuple[str, ...]) -> list[str]:
    """Sentences for the notes of the report; none for a teacher that is a model.

    Raises:
        CorruptArtefactError: the run does not say how the answers were got.
    """
    if recipe.teacher.answering is None:
        return []
    facts = answer_facts(run.path / TEACHER)
    if recipe.teacher.probabilities is not None:
        return _of_file(Path(recipe.teacher.probabilities).name, facts, label_names)
    if recipe.teacher.endpoint is not None:
        return _of_service(facts)
    note = (
        f"The teacher is a zero-shot model: it reads a text once for each of {len(label_names)} sentences, such as "
        f"{facts['sentences'][0]!r}. Its latency was not measured."
    )
    return [note]


def _of_file(name: str, facts: dict[str, Any], label_names: tuple[str, ...]) -> list[str]:
    note = (
        f"The teacher is a file of {facts['values']} ({name}): the size and the latency of what made it are not known, and "
        "whether that was trained on rows of valid or test is not known either."
    )
    if not facts["by_position"]:
        return [note]
    return [note, f"Its values have no names of labels; they were taken in the order {', '.join(label_names)}."]


def _of_service(facts: dict[str, Any]) -> list[str]:
    note = (
        f"The teacher is the model {facts['model']} of a service: its size and its latency are not known, and whether it "
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
