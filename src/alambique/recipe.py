"""The recipe: every choice of a run, validated, frozen, and free of torch."""

import contextlib
import os
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from alambique.errors import RecipeError
from alambique.recipe_problems import listed, problems_of
from alambique.yaml_reader import read_yaml

DEFAULT_STUDENT = "distilbert/distilbert-base-uncased"
DEFAULT_TEACHER = "google-bert/bert-base-uncased"
EMBEDDED = "quickstart"  # a source that is no path, not even where a run folder has its name
FORMS = {"teacher": ("model", "from_scratch"), "student": ("model", "from_teacher", "from_scratch")}


def _listed(value: Any) -> Any:
    """A list becomes a tuple and a lone text a tuple of one: ``text: statement`` is ``text: [statement]``."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _layers(value: Any) -> Any:
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and value >= 1:
        return value
    if isinstance(value, (list, tuple)) and value and all(isinstance(v, int) and v >= 0 for v in value):
        if len(set(value)) < len(value) or sorted(value) != list(value):
            raise ValueError("must name each layer once, in rising order")
        return tuple(value)
    raise ValueError("must be a count of at least 1 or a list of the teacher's layer numbers, from 0")


def _groups(value: Any) -> Any:
    if value is None or value in ("six", "three", "two"):
        return value
    if isinstance(value, dict) and value and all(isinstance(k, str) and isinstance(v, str) for k, v in value.items()):
        return value
    raise ValueError("must be six, three or two (LIAR), a mapping {old name: new name}, or null")


def _source(value: Any) -> Any:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, dict):
        strange = sorted(set(value) - {"train", "valid", "test"})
        if strange:
            raise ValueError(f"names files for train, valid and test; {strange[0]!r} is none of them")
        if not value.get("train"):
            raise ValueError("must name a train file")
        if all(isinstance(v, str) and v for v in value.values() if v is not None):
            return {split: name for split, name in value.items() if name is not None}
    raise ValueError("must be a Hub id, a folder, a file, or {train: F, valid: F, test: F}")


Texts = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Layers = Annotated[int | tuple[int, ...], BeforeValidator(_layers)]


class Section(BaseModel):
    """A frozen part of the recipe that knows all of its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Data(Section):
    """Where the rows come from and how they are read."""

    source: Annotated[str | dict[str, str], BeforeValidator(_source)]
    text: Annotated[Texts, Field(min_length=1, max_length=2)]
    label: Annotated[str, Field(min_length=1)]
    label_groups: Annotated[str | dict[str, str] | None, BeforeValidator(_groups)] = None
    label_order: Annotated[Texts, Field(min_length=2)] | None = None
    metadata: Texts = ()
    max_rows: Count | None = None
    columns: Texts = ()
    encoding: str = "utf-8"
    max_length: Annotated[int, Field(ge=4)] = 128
    subset: str | None = None
    revision: str | None = None
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @field_validator("text", "label_order", "metadata", "columns")
    @classmethod
    def _once_each(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        twice = sorted({v for v in value or () if value is not None and value.count(v) > 1})
        if twice:
            raise ValueError(f"names {twice[0]!r} twice")
        return value

    @field_validator("label", "metadata")
    @classmethod
    def _apart_from_text(cls, value: str | tuple[str, ...], info: ValidationInfo) -> str | tuple[str, ...]:
        taken = {"data.text": info.data.get("text", ())}
        if info.field_name == "metadata":
            taken["data.label"] = (info.data.get("label"),)
        for key, columns in taken.items():
            for column in (value,) if isinstance(value, str) else value:
                if column in columns:
                    raise ValueError(f"names column {column!r}, which is also {key}")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)  # codecs.lookup would let base64 pass, which is no encoding of text
        except LookupError as error:
            raise ValueError(f"{value!r} is no encoding that Python knows; try utf-8, latin-1 or cp1252") from error
        return value


class Scratch(Section):
    """The size of a model made from scratch: layers, width, heads."""

    architecture: Literal["distilbert", "bert"] = "distilbert"
    layers: Count
    width: Count
    heads: Count
    feed_forward: Count | None = None

    @field_validator("heads")
    @classmethod
    def _heads_divide_width(cls, value: int, info: ValidationInfo) -> int:
        width = info.data.get("width")
        if width is not None and width % value:
            raise ValueError(f"must divide width ({width}); {value} does not")
        return value


class TeacherScratch(Scratch):
    """A teacher from scratch, with a WordPiece tokenizer trained on the train split."""

    architecture: Literal["distilbert", "bert"] = "bert"
    vocabulary: Annotated[int, Field(ge=100)] = 8000


class FromTeacher(Section):
    """A student that starts from some of the teacher's layers."""

    architecture: Literal["distilbert", "bert"] = "distilbert"
    layers: Layers


class Training(Section):
    """What every training has."""

    epochs: Count
    batch_size: Count = 32
    gradient_accumulation: Count = 1
    learning_rate: Rate = 5e-5
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.01


class Teacher(Training):
    """The large model: a checkpoint to fine-tune, a finished classifier, or one from scratch."""

    model: Annotated[str, Field(min_length=1)] | None = None
    from_scratch: TeacherScratch | None = None
    fine_tune: bool = True
    epochs: Count = 3
    allow_weak: bool = False

    @model_validator(mode="before")
    @classmethod
    def _default_form(cls, raw: Any) -> Any:
        return _with_default_form(raw, "teacher", DEFAULT_TEACHER)

    @field_validator("fine_tune")
    @classmethod
    def _scratch_is_trained(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001
        if not value and info.data.get("from_scratch") is not None:
            raise ValueError("must be true for a teacher made from_scratch: it has learnt nothing yet")
        return value


class Student(Training):
    """The small model: a checkpoint, some of the teacher's layers, or one from scratch."""

    model: Annotated[str, Field(min_length=1)] | None = None
    from_teacher: FromTeacher | None = None
    from_scratch: Scratch | None = None
    epochs: Count = 6

    @model_validator(mode="before")
    @classmethod
    def _default_form(cls, raw: Any) -> Any:
        return _with_default_form(raw, "student", DEFAULT_STUDENT)


class Distillation(Section):
    """How soft and hard labels are mixed."""

    loss: Literal["kl", "mse"] = "kl"
    temperature: Rate = 2.0
    hard_label_weight: Annotated[float, Field(ge=0, le=1)] = 0.5


class Recipe(Section):
    """Every choice of a run. Frozen; :meth:`load` and :meth:`from_dict` report all problems at once."""

    data: Data
    teacher: Teacher = Field(default_factory=Teacher)
    student: Student = Field(default_factory=Student)
    distillation: Distillation = Field(default_factory=Distillation)
    seeds: Annotated[
        tuple[Annotated[int, Field(ge=0, lt=2**32)], ...], BeforeValidator(_listed), Field(min_length=1)
    ] = (0,)

    @field_validator("seeds")
    @classmethod
    def _different_seeds(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        if len(set(value)) < len(value):
            raise ValueError("names a seed twice")
        return value

    @classmethod
    def from_dict(cls, raw: dict[str, Any], *, where: str = "the recipe") -> Self:
        """Validate plain values.

        Raises:
            RecipeError: names every problem with its key path and, where one is close, the key that was meant.
        """
        problems = _two_forms(raw)
        try:
            recipe = cls.model_validate(raw)
        except ValidationError as error:
            raise RecipeError(listed(problems_of(error, cls) + problems, where)) from error
        if problems:
            raise RecipeError(listed(problems, where))
        return recipe

    @classmethod
    def load(cls, name: str | Path, overrides: tuple[str, ...] = ()) -> Self:
        """Read a shipped recipe by name, or a YAML file, and apply ``key=value`` overrides.

        A path inside the recipe is looked up from the current folder, then from the recipe's own.

        Raises:
            RecipeError: no such recipe, no YAML, or problems in it.
        """
        file = _find(name)
        raw = read_yaml(_text_of(file), where=str(name))
        if not isinstance(raw, dict):
            raise RecipeError(f"{name} is not a recipe: it must be a mapping with a data section.")
        raw.pop("run_id", None)  # the recipe.yaml of a run folder is a recipe too
        where = f"Recipe {name}"
        if overrides:
            _override(raw, overrides)
            where += " with --set"
        recipe = cls.from_dict(raw, where=where)
        return recipe._with_paths(file.parent)  # noqa: SLF001 - its own class

    def _with_paths(self, folder: Path) -> Self:
        source = self.data.source
        located: Any = source
        if isinstance(source, dict):
            located = {split: _located(name, folder) for split, name in source.items()}
        elif source != EMBEDDED:
            located = _located(source, folder)
        return self.model_copy(
            update={
                "data": self.data.model_copy(update={"source": located}),
                "teacher": self.teacher.model_copy(update={"model": _located(self.teacher.model, folder)}),
                "student": self.student.model_copy(update={"model": _located(self.student.model, folder)}),
            }
        )

    def to_yaml(self) -> str:
        """The recipe as YAML that :meth:`load` reads back to an equal recipe."""
        values = self.model_dump(mode="json")
        text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True)
        if any(line_end in text for line_end in "\x85\u2028\u2029"):  # YAML would read them back as spaces
            text = yaml.safe_dump(values, sort_keys=False)
        return text


def shipped_recipes() -> dict[str, str]:
    """Name → one line of description, from the first comment of each shipped recipe."""
    folder = resources.files("alambique") / "recipes"
    files = {f.name.removesuffix(".yaml"): f for f in folder.iterdir() if f.name.endswith(".yaml")}
    return {name: files[name].read_text("utf-8").split("\n", 1)[0].lstrip("# ") for name in sorted(files)}


def _find(name: str | Path) -> Path:
    path = Path(name)
    if os.path.isfile(path):  # noqa: PTH113 - unlike Path.is_file it takes any name, however long or odd
        return path
    shipped = shipped_recipes()
    if str(name) in shipped:
        return Path(str(resources.files("alambique") / "recipes" / f"{name}.yaml"))
    known = ", ".join(shipped)
    raise RecipeError(f"{name} is neither a recipe file nor a shipped recipe. The shipped ones are {known}.")


def _text_of(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{file} is not a recipe: it is not UTF-8 text.") from error
    except OSError as error:
        raise RecipeError(f"{file} cannot be read: {error.strerror}.") from error


def _override(raw: dict[str, Any], overrides: tuple[str, ...]) -> None:
    """Apply ``a.b=value`` in order; a form of teacher or student that is set displaces the forms of the file."""
    chosen: dict[str, set[str]] = {section: set() for section in FORMS}
    parsed = []
    for override in overrides:
        key, equals, text = override.partition("=")
        path = tuple(key.strip().split("."))
        if not equals or not all(path):
            raise RecipeError(f"--set {override} is not of the form key=value, as in --set distillation.temperature=4")
        value = read_yaml(text, where=f"--set {override}", path=path)
        parsed.append((path, value))
        if path[0] in chosen and len(path) > 1 and value is not None:
            chosen[path[0]].add(path[1])
    for section, forms in FORMS.items():
        if chosen[section] & set(forms) and isinstance(raw.get(section), dict):
            raw[section] = {k: v for k, v in raw[section].items() if k not in forms or k in chosen[section]}
    for path, value in parsed:
        place = raw
        for depth, part in enumerate(path[:-1], start=1):
            if place.get(part) is None:
                place[part] = {}
            place = place[part]
            if not isinstance(place, dict):
                raise RecipeError(f"--set {'.'.join(path)}: {'.'.join(path[:depth])} holds a value, not further keys.")
        place[path[-1]] = value


def _with_default_form(raw: Any, section: str, default: str) -> Any:
    if isinstance(raw, dict) and all(raw.get(form) is None for form in FORMS[section]):
        return {**raw, "model": default}
    return raw


def _two_forms(raw: dict[str, Any]) -> list[str]:
    """Checked on the raw values, so that it is reported beside whatever else is wrong with the forms."""
    problems = []
    for section, forms in FORMS.items():
        given = [form for form in forms if isinstance(raw.get(section), dict) and raw[section].get(form) is not None]
        if len(given) > 1:
            problems.append(f"{section}: {' and '.join(given)} stand together; give one of {', '.join(forms)}.")
    return problems


def _located(name: str | None, folder: Path) -> str | None:
    if name is None:
        return None
    with contextlib.suppress(OSError, RuntimeError):  # too long for a path; no such home
        for candidate in (Path(name).expanduser(), folder / name):
            if candidate.exists():
                return str(candidate.resolve())
    return name
