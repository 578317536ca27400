"""Teachers that are known by their answers alone, and what a recipe cannot ask of them."""

from typing import Annotated, Any

from pydantic import Field, field_validator

from alambique.recipe.section import Section

ANSWERING = ("probabilities", "zero_shot")  # keys of the section `teacher`


class ZeroShot(Section):
    """A checkpoint trained on natural language inference, and a sentence for each label."""

    model: Annotated[str, Field(min_length=1)]
    """As `teacher.model`; one of its classes must be named entailment."""
    template: str = "This text is about {}."
    """The sentence; `{}` stands for the label."""
    words: dict[str, str] | None = None
    """Words for labels, as `{pants-fire: an outrageous lie}`; labels that are not in it speak for themselves."""

    @field_validator("template")
    @classmethod
    def _with_a_place(cls, value: str) -> str:
        if value.count("{}") != 1:
            raise ValueError("must hold {} once, where the label stands")
        return value

    def sentence(self, label: str) -> str:
        """The sentence about a label."""
        return self.template.replace("{}", (self.words or {}).get(label, label))


def beyond_answers(raw: dict[str, Any]) -> list[str]:
    """What a recipe asks of a teacher that has no weights, or of a student that reads with its teacher's tokenizer.

    Args:
        raw: the recipe as plain values, which may have other problems.

    Returns:
        The problems, each with its key.
    """
    section = raw.get("teacher")
    form = next((f for f in ANSWERING if isinstance(section, dict) and section.get(f) is not None), None)
    if form is None:
        return _needless_vocabulary(raw)
    problems = []
    if _value(raw, "student", "from_teacher") is not None:
        problems.append(
            f"student.from_teacher: is made of a teacher's layers, and teacher.{form} has none. Give student.model or "
            "student.from_scratch."
        )
    if _value(raw, "distillation", "features") is not None:
        problems.append(
            f"distillation.features: compares the layers of student and teacher, and teacher.{form} has none. Leave it out."
        )
    if _value(raw, "data", "unlabelled") is not None:
        problems.append(
            f"data.unlabelled: is text that the teacher labels, and teacher.{form} answers for your rows alone. "
            "Leave it out."
        )
    views = _value(raw, "soft_labels", "views")
    if (views.get("count") if isinstance(views, dict) else views) not in (None, 1):
        problems.append(
            f"soft_labels.views: are new texts that the teacher labels, and teacher.{form} answers for your rows alone. "
            "Set it to 1."
        )
    more = [key for key in ("folds", "members") if _value(raw, "soft_labels", key) not in (None, 1)]
    return problems + [
        f"soft_labels.{key}: would train further teachers, and teacher.{form} is not trained. Set it to 1."
        for key in more
    ]


def _needless_vocabulary(raw: dict[str, Any]) -> list[str]:
    size = _value(raw, "student", "from_scratch")
    if not isinstance(size, dict) or size.get("vocabulary") is None:
        return []
    return ["student.from_scratch.vocabulary: this student reads with its teacher's tokenizer. Leave it out."]


def _value(raw: dict[str, Any], section: str, key: str) -> Any:
    values = raw.get(section)
    return values.get(key) if isinstance(values, dict) else None
