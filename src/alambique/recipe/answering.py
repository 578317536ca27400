"""Teachers that are known by their answers alone, and what a recipe cannot ask of them."""

import re
from typing import Annotated, Any

from pydantic import Field, field_validator

from alambique.recipe.section import Section

ANSWERING = ("probabilities", "zero_shot", "endpoint")  # keys of the section `teacher`


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


class Endpoint(Section):
    """A service with the chat completions of OpenAI's HTTP interface, which many servers speak."""

    url: str
    """Its address, up to `/chat/completions`: `http://localhost:8000/v1`."""
    model: Annotated[str, Field(min_length=1)]
    """The model's name there."""
    instructions: str | None = None
    """What it is told before the list of labels; null: "Which label fits the text?"."""
    api_key_env: str = "OPENAI_API_KEY"
    """The environment variable that holds the key, in capitals; without it no key is sent. The key is written nowhere."""
    max_requests: Annotated[int, Field(ge=1)] | None = None
    """Maximum number of requests of the run folder, those that fail and those of earlier attempts included; null: no
    limit."""
    concurrency: Annotated[int, Field(ge=1, le=256)] = 8
    """Requests at the same time."""
    timeout: Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)] = 60.0
    """Seconds to wait for an answer."""
    retries: Annotated[int, Field(ge=0, le=20)] = 5
    """How often a request that failed is made again (status 429 or 5xx, no answer, nonsense), after longer and longer
    waits."""
    top_logprobs: Annotated[int, Field(ge=0, le=20)] = 20
    """Log-probabilities asked for per token; 0: none, the label named is all that counts."""

    @field_validator("url")
    @classmethod
    def _an_address(cls, value: str) -> str:  # not shown in the message: it may hold a key
        if not re.fullmatch(r"https?://[^\s@?#/][^\s@?#]*", value):
            raise ValueError(
                "must begin with http:// or https://, without blanks, user, password or query: a key is read from the "
                "environment alone"
            )
        if value.rstrip("/").endswith("/completions"):
            raise ValueError("must end before /chat/completions, which is added to it")
        return value

    @field_validator("instructions")
    @classmethod
    def _something(cls, value: str | None) -> str | None:
        if value is not None and not value.strip():
            raise ValueError("is blank; leave it out for the question that is asked by default")
        return value

    @field_validator("api_key_env")
    @classmethod
    def _a_variable(cls, value: str) -> str:  # not shown in the message: it may be the key itself
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]{0,63}", value):
            raise ValueError(
                "must be the name of an environment variable in capitals, such as OPENAI_API_KEY; the key itself never "
                "stands in a recipe"
            )
        return value

    @property
    def address(self) -> str:
        """Where questions are sent."""
        return f"{self.url.rstrip('/')}/chat/completions"


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
    static = _value(raw, "student", "static")
    if isinstance(static, dict) and static.get("encoder") is None:
        problems.append(
            f"student.static: begins with a teacher's outputs for each token, and teacher.{form} has none. Name a model for "
            "them: student.static.encoder."
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
    if _value(raw, "teacher", "class_weights") is not None:
        problems.append(
            f"teacher.class_weights: weighs the labels that a teacher is trained on, and teacher.{form} is not trained. "
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
