"""The recipe: every choice of a run, validated, frozen, and free of torch."""

import contextlib
import glob
import re
import warnings
from pathlib import Path
from typing import Annotated, Any, Self

import yaml
from pydantic import (
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    field_serializer,
    field_validator,
)

from alambique.errors import RecipeError
from alambique.recipe.decide import Decide
from alambique.recipe.distillation import Distillation, check_compared
from alambique.recipe.files import find_recipe, text_of
from alambique.recipe.overrides import override
from alambique.recipe.problems import listed, problems_of, shown
from alambique.recipe.schedules import ends_of
from alambique.recipe.sections import FORMS, Compute, Data, Export, Section, Student, Teacher, as_tuple
from alambique.recipe.soft_labels import SoftLabelling
from alambique.recipe.teacher_list import MOST, as_list, beyond_any_answers, each_alone, section_of, several
from alambique.recipe.verdict import Verdict
from alambique.recipe.yaml_values import read_yaml, text_paths

_STUDENT_STEP = 1000  # between the seeds of students of the same teacher
EMBEDDED = "quickstart"  # a source that is not a path, not even where a run folder has its name
_PATTERN = re.compile(r"[*?\[]")
_ALTERNATIVES = {**FORMS, "compute": ("speedups", "plain")}  # a key that is set displaces its alternatives in the file


class Recipe(Section):
    """All settings of a run, frozen. :meth:`load` and :meth:`from_dict` report all problems at once.

    Example:
        >>> from alambique import Recipe
        >>> recipe = Recipe.load("quickstart", ("distillation.temperature=4",))
        >>> recipe.distillation.temperature
        4.0
        >>> Recipe.from_dict({"data": {"source": "reviews", "text": "sentence", "lable": "stars"}})
        Traceback (most recent call last):
            ...
        alambique.errors.RecipeError: the recipe has 2 problems:
          data.label: is missing and has no default.
          data.lable: unknown key. Did you mean data.label?
    """

    model_config = ConfigDict(serialize_by_alias=True)

    data: Data
    teachers: Annotated[
        tuple[Teacher, ...], BeforeValidator(as_list), Field(alias="teacher", min_length=1, max_length=MOST)
    ] = Field(default_factory=lambda: (Teacher(),))
    soft_labels: SoftLabelling = Field(default_factory=SoftLabelling)
    student: Student = Field(default_factory=Student)
    distillation: Distillation = Field(default_factory=Distillation)
    compute: Compute = Field(default_factory=Compute)
    verdict: Verdict = Field(default_factory=Verdict)
    decide: Decide | None = None
    export: Export = Field(default_factory=Export)
    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=2**32)], ...],
        BeforeValidator(as_tuple),
        Field(min_length=1, max_length=100),
    ] = (0,)
    """With several seeds, teacher, student and twin are trained for each, under `seeds/N/`. The report shows the mean and
    the figure of each seed, and `student/` is the student of the seed that is best on valid."""

    @field_validator("teachers")
    @classmethod
    def _different_teachers(cls, value: tuple[Teacher, ...]) -> tuple[Teacher, ...]:
        trained = [teacher.model_copy(update={"allow_weak": False}) for teacher in value]
        for number, teacher in enumerate(trained):
            first = trained.index(teacher)
            if first < number:
                raise ValueError(
                    f"{section_of(number, 2)} is the same as {section_of(first, 2)} and would give the same labels; for "
                    "teachers that differ by their seed alone, set soft_labels.members"
                )
        return value

    @field_serializer("teachers", mode="wrap")
    def _alone_as_a_mapping(self, value: tuple[Teacher, ...], serialize: SerializerFunctionWrapHandler) -> Any:
        values = serialize(value)
        return values[0] if len(value) == 1 else values

    @field_validator("soft_labels")
    @classmethod
    def _views_of_labelled_rows(cls, value: SoftLabelling, info: ValidationInfo) -> SoftLabelling:
        data = info.data.get("data")
        if isinstance(data, Data) and data.unlabelled is not None and value.views.count > 1:
            raise ValueError("views cannot be used with data.unlabelled, which is new text in itself")
        return value

    @field_validator("distillation")
    @classmethod
    def _fits_unlabelled_text(cls, value: Distillation, info: ValidationInfo) -> Distillation:
        data = info.data.get("data")
        if not isinstance(data, Data):
            return value
        if data.unlabelled is None and value.unlabelled_ratio != "all":
            raise ValueError("unlabelled_ratio is set, but there is no data.unlabelled")
        if data.unlabelled is not None and min(ends_of(value.hard_label_weight)) == 1:
            raise ValueError(
                "hard_label_weight is 1, so data.unlabelled, which has soft labels alone, would teach nothing"
            )
        return value

    @field_validator("seeds")
    @classmethod
    def _different_seeds(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value):
            raise ValueError("names a seed twice")
        return value

    @field_validator("seeds")
    @classmethod
    def _different_student_seeds(cls, value: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        student = info.data.get("student")
        count = student.seeds if isinstance(student, Student) else 1
        trained: dict[int, int] = {}
        for seed in value:
            for other in _student_seeds(seed, count):
                if trained.setdefault(other, seed) != seed:
                    raise ValueError(
                        f"{trained[other]} and {seed} would both train a student of seed {other}, because student.seeds is "
                        f"{count}; name seeds that are closer together"
                    )
        return value

    @field_validator("distillation")
    @classmethod
    def _features_before_the_last_epoch(cls, value: Distillation, info: ValidationInfo) -> Distillation:
        student = info.data.get("student")
        if isinstance(student, Student) and 0 < student.epochs <= value.features_first:
            raise ValueError(
                f"features_first is {value.features_first} and student.epochs is {student.epochs}: no epoch would learn "
                "from labels"
            )
        return value

    @field_validator("distillation")
    @classmethod
    def _weighs_what_is_weighed(cls, value: Distillation, info: ValidationInfo) -> Distillation:
        student = info.data.get("student")
        weighed = isinstance(student, Student) and student.class_weights is not None
        if weighed and max(ends_of(value.hard_label_weight)) == 0:
            raise ValueError(
                "hard_label_weight is 0, so student.class_weights, which weighs hard labels alone, would not reach the "
                "student; set it above 0, or student.class_weights to null"
            )
        return value

    @field_validator("distillation")
    @classmethod
    def _features_that_compare(cls, value: Distillation, info: ValidationInfo) -> Distillation:
        labelling, student = info.data.get("soft_labels"), info.data.get("student")
        views = labelling.views.count if isinstance(labelling, SoftLabelling) else 1
        check_compared(value, views=views, student=student if isinstance(student, Student) else None)
        return value

    def student_seeds(self, seed: int) -> tuple[int, ...]:
        """Seeds of the trainings of student and twin that belong to a seed of the run, which is the first of them.

        Example:
            >>> from alambique import Recipe
            >>> Recipe.load("quickstart", ("student.seeds=3",)).student_seeds(4)
            (4, 1004, 2004)
        """
        return _student_seeds(seed, self.student.seeds)

    @property
    def teacher(self) -> Teacher:
        """The only teacher, or the first of several: the one that is reported as the teacher."""
        return self.teachers[0]

    @property
    def views(self) -> int:
        """Versions of each row of train, the row itself among them; not more than the student's epochs read."""
        return min(self.soft_labels.views.count, self.student.epochs)

    @classmethod
    def from_dict(cls, raw: dict[str, Any], *, where: str = "the recipe") -> Self:
        """Make a recipe from plain values, such as parsed YAML.

        Raises:
            RecipeError: lists every problem with its key path and, if one is close, the key that was probably meant.
        """
        raw, problems = _with_new_names(raw)
        problems += [*_two_forms(raw), *beyond_any_answers(raw)]
        try:
            recipe = cls.model_validate(raw)
        except ValidationError as error:
            found = problems_of(error, cls, one_teacher=not several(raw))
            raise RecipeError(listed(found + problems, where)) from error
        if problems:
            raise RecipeError(listed(problems, where))
        return recipe

    @classmethod
    def load(cls, name: str | Path, overrides: tuple[str, ...] = (), *, given_with: str = "--set") -> Self:
        """Read a shipped recipe by name, or a YAML file, and apply ``key=value`` overrides.

        A path in the recipe is relative to the current folder or, if it does not exist there, to the folder of the recipe.

        Args:
            name: of the recipe, or its file.
            overrides: each ``key=value``, with dots in the key.
            given_with: how the user gave the overrides, for messages.

        Raises:
            RecipeError: the recipe does not exist, is not YAML, or has problems.
        """
        file = find_recipe(name)
        texts = text_paths(cls)
        raw = read_yaml(text_of(file), where=str(name), texts=texts)
        if not isinstance(raw, dict):
            raise RecipeError(f"{name} is not a recipe: it must be a mapping with a data section.")
        if raw.pop("run_id", None) is not None:  # the recipe.yaml of a run folder is a recipe too, and nobody's to edit
            renamed, problems = _with_new_names(raw, warn=False)
            raw = raw if problems else renamed
        where = f"Recipe {name}"
        if overrides:
            override(raw, overrides, texts, _ALTERNATIVES)
            where += f" with {given_with}"
        recipe = cls.from_dict(raw, where=where)
        return recipe._with_paths(file.parent)  # noqa: SLF001 - its own class

    def _with_paths(self, folder: Path) -> Self:
        source = self.data.source
        located: Any = source
        if isinstance(source, dict):
            located = {split: _all_located(names, folder) for split, names in source.items()}
        elif source != EMBEDDED:
            located = _all_located(source, folder)
        more = self.data.unlabelled
        if more is not None and more != EMBEDDED:
            more = _all_located(more, folder)
        return self.model_copy(
            update={
                "data": self.data.model_copy(update={"source": located, "unlabelled": more}),
                "teachers": tuple(_teacher_located(teacher, folder) for teacher in self.teachers),
                "student": _student_located(self.student, folder),
                "soft_labels": _labelling_located(self.soft_labels, folder),
            }
        )

    def to_yaml(self) -> str:
        """Recipe as YAML, which :meth:`load` reads back as an equal recipe."""
        values = self.model_dump(mode="json")
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        if any(line_end in text for line_end in "\x85\u2028\u2029"):  # YAML would read them back as spaces
            text = yaml.safe_dump(values, sort_keys=False)
        return text


def _student_seeds(seed: int, count: int) -> tuple[int, ...]:
    return tuple((seed + _STUDENT_STEP * number) % 2**32 for number in range(count))


def _with_new_names(raw: dict[str, Any], *, warn: bool = True) -> tuple[dict[str, Any], list[str]]:
    """Rename ``compute.plain`` of version 0.1 to ``compute.speedups``, its negation; gives the values and the problems."""
    compute = raw.get("compute")
    if not isinstance(compute, dict) or "plain" not in compute:
        return raw, []
    rest = {key: value for key, value in compute.items() if key != "plain"}
    plain = compute["plain"]
    if not isinstance(plain, bool):
        return {**raw, "compute": rest}, [f"compute.plain: must be true or false, not {shown(plain)}."]
    if rest.setdefault("speedups", not plain) is plain:
        return {**raw, "compute": rest}, [
            f"compute.plain: is the earlier name of compute.speedups, and {shown(plain)} contradicts it; leave it out."
        ]
    if warn:
        warnings.warn(
            f"compute.plain: {shown(plain)} is now compute.speedups: {shown(not plain)}; the next release refuses it.",
            FutureWarning,
            stacklevel=3,
        )
    return {**raw, "compute": rest}, []


def _two_forms(raw: dict[str, Any]) -> list[str]:
    """Checked on the raw values, so that it is reported beside whatever else is wrong with the forms."""
    sections = [*((section, alone.get("teacher"), FORMS["teacher"]) for section, alone in each_alone(raw)),
                ("student", raw.get("student"), FORMS["student"])]  # fmt: skip
    problems = []
    for section, values, forms in sections:
        given = [form for form in forms if isinstance(values, dict) and values.get(form) is not None]
        if len(given) > 1:
            problems.append(f"{section}: {' and '.join(given)} are given together; give one of {', '.join(forms)}.")
    return problems


def _teacher_located(teacher: Teacher, folder: Path) -> Teacher:
    located: dict[str, Any] = {key: _located(getattr(teacher, key), folder) for key in ("model", "probabilities")}
    if teacher.zero_shot is not None:
        model = _located(teacher.zero_shot.model, folder)
        located["zero_shot"] = teacher.zero_shot.model_copy(update={"model": model})
    return teacher.model_copy(update=located)


def _student_located(student: Student, folder: Path) -> Student:
    located: dict[str, Any] = {"model": _located(student.model, folder)}
    if student.static is not None:
        located["static"] = student.static.model_copy(update={"encoder": _located(student.static.encoder, folder)})
    return student.model_copy(update=located)


def _labelling_located(labelling: SoftLabelling, folder: Path) -> SoftLabelling:
    model = _located(labelling.views.model, folder)
    return labelling.model_copy(update={"views": labelling.views.model_copy(update={"model": model})})


def _all_located(names: str | tuple[str, ...], folder: Path) -> str | tuple[str, ...]:
    if isinstance(names, tuple):
        return tuple(_located(name, folder) or name for name in names)
    return _located(names, folder) or names


def _located(name: str | None, folder: Path) -> str | None:
    if name is None:
        return None
    with contextlib.suppress(OSError, RuntimeError):  # too long for a path; no such home
        for candidate in (Path(name).expanduser(), folder / name):
            if candidate.exists():
                return str(candidate.resolve())
        for pattern in (str(Path(name).expanduser()), str(folder / name)):
            if _PATTERN.search(name) and next(glob.iglob(pattern, recursive=True), None):  # noqa: PTH207 - absolute too
                return str(Path(pattern).absolute())
    return name
