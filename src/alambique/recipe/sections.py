"""The sections of a recipe: their keys, defaults, meanings and checks. Free of torch.

The text below each key is its line in ``docs/recipe.md``, which :mod:`alambique.recipe.reference` writes.
"""

import codecs
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from alambique.recipe.answering import ANSWERING, Endpoint, ZeroShot
from alambique.recipe.class_weights import ClassWeights
from alambique.recipe.data_values import check_several, label_groups_value, label_value, names_value, source_value
from alambique.recipe.made_models import Bounded, FromTeacher, Scratch, TeacherScratch
from alambique.recipe.section import Section as Section  # noqa: PLC0414 - others take it from here
from alambique.recipe.static import FORM as STATIC
from alambique.recipe.static import TRAINING as STATIC_TRAINING
from alambique.recipe.static import Static

DEFAULT_STUDENT = "distilbert/distilbert-base-uncased"
DEFAULT_TEACHER = "google-bert/bert-base-uncased"
NOT_FOR_FILES = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"})
FORMS = {"teacher": ("model", "from_scratch", *ANSWERING), "student": ("model", "from_teacher", "from_scratch", STATIC)}


def as_tuple(value: Any) -> Any:
    """A list becomes a tuple and a lone text a tuple of one: ``text: statement`` is ``text: [statement]``."""
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _with_default_form(raw: Any, section: str, default: str) -> Any:
    if isinstance(raw, dict) and all(raw.get(form) is None for form in FORMS[section]):
        return {**raw, "model": default}
    return raw


Names = str | tuple[str, ...]
Texts = Annotated[tuple[str, ...], BeforeValidator(as_tuple)]
Count = Annotated[int, Field(ge=1)]


class Data(Section):
    """Where the rows come from and how they are read.

    Files are CSV, TSV, JSON, Parquet, Arrow or fastText's form, also compressed; [data.md](data.md) has all that is read,
    and how the files of a folder are found. LIAR's own headerless files are recognised by their 14 columns.
    """

    source: Annotated[Names | dict[str, Names], BeforeValidator(source_value)]
    """A Hub id, a folder with `train`, `valid` (or `validation`, `dev`) and `test` files, one file, a pattern such as
    `part-*.csv`, a list of files, `{train: F, valid: F, test: F}` with any of these for F, or `quickstart` (the embedded
    claims)."""
    text: Annotated[Texts, Field(min_length=1, max_length=2)]
    """The column of text, or a list of one or two columns (two: a sentence pair)."""
    label: Annotated[str | tuple[str, ...], BeforeValidator(label_value)]
    """The column of labels: names or integers, or lists of them where a row has several; or a list of columns that hold 0
    or 1, one for each label ([multi_label.md](multi_label.md)). Train may lack it, or have empty cells alone, with a teacher
    that answers ([teachers.md](teachers.md))."""
    label_separator: Annotated[str, Field(min_length=1)] | None = None
    """What stands between the labels of a cell that has several, as in `"|"`; null: a cell is one label, or a list."""
    task: Literal["auto", "single_label", "multi_label"] = "auto"
    """Whether a row has one label, or any number of them from none. `auto`: any number where `data.label` is a list or its
    column holds lists, or `data.label_separator` is given; else one."""
    label_groups: Annotated[str | dict[str, str] | None, BeforeValidator(label_groups_value)] = None
    """Merges labels. LIAR: `six`, `three` or `two`; other data: a mapping `{old name: new name}`; null: labels stay
    as they are."""
    label_order: Annotated[Texts, Field(min_length=2)] | None = None
    """The labels in order, at least two, if they have one; the order of LIAR's labels is known."""
    unlabelled: Annotated[Names | None, BeforeValidator(names_value)] = None
    """More text of the same columns, without labels, that the teacher labels for the student: a file, a pattern, a list of
    files, a folder of files, a Hub id, or `quickstart` (20,000 more of the embedded claims). Read a part at a time; text
    that is also in train, valid or test, or came before, is left out and counted."""
    metadata: Texts = ()
    """Further columns, joined into the second segment as `name: value; name: value`. LIAR: subject, speaker, job, state,
    party, context; its count columns can be named too, and then the report says that they leak the label."""
    max_rows: Count | None = None
    """Uses a stratified sample of each split, and no more unlabelled rows than this, for trials; null: all rows."""
    columns: Texts = ()
    """Column names, in order, of a TSV or CSV file without a header row, or of JSON rows that are lists."""
    encoding: str = "utf-8"
    """Encoding of text files without a byte-order mark (a Python codec name); a mark says it itself."""
    max_length: Annotated[int, Field(ge=4)] = 128
    """Maximum length in tokens; longer texts are truncated, and the report says how many."""
    subset: str | None = None
    """Subset of a data set that has several, on the Hub or in a folder."""
    revision: str | None = None
    """Revision of a Hub data set; null: the Hub's Parquet conversion, else the main branch."""
    split_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Seed for splitting a missing valid or test off train (a tenth of train each, stratified, each text drawn by a hash of
    itself) and for `data.max_rows`."""

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
            taken["data.label"] = as_tuple(info.data.get("label") or ())
        for key, columns in taken.items():
            for column in (value,) if isinstance(value, str) else value:
                if column in columns:
                    raise ValueError(f"names column {column!r}, which is also {key}")
        return value

    @field_validator("label_separator", "task")
    @classmethod
    def _of_its_labels(cls, value: str | None, info: ValidationInfo) -> str | None:
        several, parted = isinstance(info.data.get("label"), tuple), info.data.get("label_separator") is not None
        check_several(str(info.field_name), value, columns=several, separated=parted)
        return value

    @property
    def label_columns(self) -> tuple[str, ...]:
        """The column of labels, or the columns of 0 and 1."""
        return (self.label,) if isinstance(self.label, str) else self.label

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)  # codecs.lookup would let base64 pass, which is not a text encoding
            known = codecs.lookup(value).name.replace("-", "_") not in NOT_FOR_FILES
        except (LookupError, UnicodeError, ValueError):
            known = False
        if not known:
            shown = repr(value) if len(value) <= 40 else f"{value[:40]!r}…"  # noqa: PLR2004
            raise ValueError(f"{shown} is not a text encoding that Python knows; try utf-8, latin-1 or cp1252")
        return value


class Training(Section):
    """What every training has."""

    epochs: Bounded
    """Passes over train."""
    batch_size: Bounded = 32
    """Rows per micro-batch, of all devices together."""
    gradient_accumulation: Bounded = 1
    """Micro-batches per step; each row weighs the same."""
    learning_rate: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 5e-5
    """Peak learning rate."""
    learning_rate_schedule: Literal["linear", "cosine", "constant"] = "linear"
    """The learning rate after the warm-up: it falls to 0 at the last planned epoch, in a line or along half a cosine, or it
    stays."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Fraction of the steps in which the learning rate rises to its peak."""
    weight_decay: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Weight decay of AdamW."""
    patience: Bounded | None = None
    """Stops after this many epochs in a row without a better metric on valid; `epochs` is then the maximum. null: trains
    all epochs."""
    class_weights: ClassWeights = None
    """Weights of the hard labels by class ([imbalance.md](imbalance.md)): `balanced` (rows / (classes · rows of the class),
    as in scikit-learn), or a mapping `{label: weight}`, where other labels weigh 1. They are scaled to a mean of 1 over the
    rows of train. Soft labels are not weighed; the undistilled twin has the student's weights."""

    def key(self) -> dict[str, Any]:
        """Values for the manifest keys of stages; those newer than the first runs are left out at their defaults."""
        values = self.model_dump(mode="json")
        names = ("learning_rate_schedule", "patience", "class_weights")
        newer = {name: Training.model_fields[name].default for name in names}
        return {name: value for name, value in values.items() if name not in newer or value != newer[name]}


class Teacher(Training):
    """The large model: a checkpoint to fine-tune, a finished classifier, one from scratch, or answers alone.

    [teachers.md](teachers.md) describes each. A list of such mappings is several teachers that label train together; their
    keys are then numbered from 0, as `--set teacher.1.epochs=4`.
    """

    model: Annotated[str, Field(min_length=1)] | None = None
    """A Hub id, a local folder, or `package:MODULE/FOLDER`; safetensors only."""
    from_scratch: TeacherScratch | None = None
    """Instead of a model: `{architecture: bert, layers: 2, width: 128, heads: 4, vocabulary: 8000}`, with a tokenizer
    trained on train."""
    probabilities: Annotated[str, Field(min_length=1)] | None = None
    """Instead of a model: a file (CSV, TSV, JSON Lines, Parquet) with the probabilities or logits that anything gave the
    rows of train, valid and test. See [teachers.md](teachers.md)."""
    zero_shot: ZeroShot | None = None
    """Instead of a model: `{model: NLI, template: "This text is about {}."}`. The logit of a label is that of entailment of
    its sentence by the text."""
    endpoint: Endpoint | None = None
    """Instead of a model: a service, `{url: "http://localhost:8000/v1", model: NAME}`, that is asked about each text. See
    [teachers.md](teachers.md)."""
    fine_tune: bool = True
    """False: the model is a finished classifier whose label names are those of the data."""
    epochs: Bounded = 3
    """Passes over train; the epoch that is best on valid is selected (`verdict.metric_for_best_epoch`)."""
    allow_weak: bool = False
    """True: continue with a teacher that is not better than guessing on valid, by macro-F1 and by accuracy."""

    @model_validator(mode="before")
    @classmethod
    def _default_form(cls, raw: Any) -> Any:
        return _with_default_form(raw, "teacher", DEFAULT_TEACHER)

    @property
    def answering(self) -> str | None:
        """The form of a teacher that gives answers and no weights; None for a model."""
        return next((form for form in ANSWERING if getattr(self, form) is not None), None)

    @property
    def is_trained(self) -> bool:
        """Whether it is trained in the run."""
        return self.fine_tune and self.answering is None

    @field_validator("fine_tune")
    @classmethod
    def _is_trained_where_it_must_be(cls, value: bool, info: ValidationInfo) -> bool:  # noqa: FBT001
        if not value and info.data.get("from_scratch") is not None:
            raise ValueError("must be true for a teacher made from_scratch: it has learnt nothing yet")
        if not value and info.data.get("class_weights") is not None:
            raise ValueError(
                "is false, so there is no training that class_weights could weigh; set it to true, or class_weights to null"
            )
        return value


def _vocabulary(value: Any) -> Any:
    number = isinstance(value, int) and not isinstance(value, bool)
    if value not in (None, "auto") and not (number and value >= 1):
        raise ValueError("must be auto, null or a whole number from 1")
    return value


class Student(Training):
    """The small model: a checkpoint, some of the teacher's layers, one from scratch, or a static one.

    A static student is trained at other settings unless the recipe has them: `epochs: 20`, `learning_rate: 0.002`.
    """

    model: Annotated[str, Field(min_length=1)] | None = None
    """As for the teacher. Alternatives: `student.from_teacher`, `student.from_scratch` and `student.static`."""
    from_teacher: FromTeacher | None = None
    """Some of the teacher's layers: `{architecture: same, layers: 3}`."""
    from_scratch: Scratch | None = None
    """Instead of a model: `{architecture: distilbert, layers: 2, width: 128, heads: 2}`, with the teacher's tokenizer."""
    static: Static | None = None
    """Instead of a model: `{width: 256}`, a vector per token and their mean: no attention, and by far the fastest. See
    [static.md](static.md)."""
    vocabulary: Annotated[int | Literal["auto"] | None, BeforeValidator(_vocabulary)] = None
    """`auto`: the student has embeddings for the tokens of train and unlabelled text alone, which makes it
    smaller; other words are read in smaller pieces. A number: at most so many tokens, the most frequent first. null: those
    of its tokenizer. See [vocabulary.md](vocabulary.md)."""
    epochs: Bounded = 6
    """As for the teacher; the undistilled twin trains for as many as its student made."""
    seeds: Annotated[int, Field(ge=1, le=100)] = 1
    """Trainings of student and twin on the same teacher and soft labels. The first has the seed s of the run and makes
    `student/`; the others have the seeds s + 1000, s + 2000 and so on, under `students/2/`, `students/3/`. The verdict
    counts how they vary."""

    @field_validator("vocabulary")
    @classmethod
    def _without_runs(cls, value: int | str | None, info: ValidationInfo) -> int | str | None:
        static = info.data.get(STATIC)
        if value is not None and isinstance(static, Static) and static.n_grams > 1:
            raise ValueError(
                "cannot be cut where student.static.n_grams is above 1: runs of tokens are found by their ids"
            )
        return value

    @model_validator(mode="before")
    @classmethod
    def _default_form(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and raw.get(STATIC) is not None:
            raw = {**STATIC_TRAINING, **raw}
        return _with_default_form(raw, "student", DEFAULT_STUDENT)


class Compute(Section):
    """How the arithmetic of training and labelling is done."""

    speedups: bool = True
    """true: skip arithmetic that the result does not need (the last layer's other tokens, embeddings of words that never
    occur); the result is equal up to rounding. false: run the models' own code for every layer, token and word."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """`bf16`: bfloat16 where it is safe; `auto`: `bf16` on a GPU that supports it, else `fp32`."""
    compile: bool = False
    """true: train with `torch.compile`. Compilation takes minutes, and pays off in long trainings on a GPU."""
    report_to: Literal["none", "tensorboard", "trackio", "wandb", "mlflow"] = "none"
    """Tracker that loss and metrics of each training are sent to, as a run of its own; its package must be installed. Unless
    its own environment variables say otherwise, it writes to `tracking/` in the run: `tensorboard --logdir RUN/tracking`."""

    engine: Literal["local", "ray"] = "local"
    """Who labels train and unlabelled text: `local`, this process; `ray`, the workers of the Ray cluster that `RAY_ADDRESS`
    names, or of one on this machine (`docs/scale.md`). The soft labels are the same."""
    workers: Annotated[int, Field(ge=1)] | None = None
    """Of `engine: ray`: how many processes label; by default one for each GPU of the cluster, or each core without any."""

    def key(self) -> dict[str, Any]:
        """Values for the manifest keys of stages, as existing runs have them: ``plain`` is the negation of ``speedups``.

        Who labels, and how many, changes no artefact.
        """
        return {"plain": not self.speedups, "precision": self.precision, "compile": self.compile}


class Export(Section):
    """Which formats of the student a run exports, and how close to PyTorch they must be on valid."""

    formats: Annotated[tuple[Literal["onnx", "int8"], ...], BeforeValidator(as_tuple)] = ("onnx", "int8")
    """`onnx`: fp32; `int8`: smaller and faster, see `docs/export.md`. `[]`: none; `alambique export` can make them later."""
    onnx_max_drift: Annotated[float, Field(ge=0, le=1)] = 1e-4
    """Largest allowed difference between a probability of the fp32 file and PyTorch's."""
    int8_mean_drift: Annotated[float, Field(ge=0, le=1)] = 0.02
    """Largest allowed mean difference, over rows and labels, between the probabilities of the int8 file and PyTorch's."""
    int8_agreement: Annotated[float, Field(ge=0, le=1)] = 0.99
    """Minimum share of the confident rows for which the int8 file must choose the same label as PyTorch."""
    confident_margin: Annotated[float, Field(ge=0, lt=1)] = 0.05
    """A row is confident if its two largest probabilities in PyTorch differ by at least this."""
    int8_macro_f1_drop: Annotated[float, Field(ge=0, le=1)] = 0.005
    """Largest allowed drop in macro-F1 of the int8 file; it fails if the whole 95 % interval of the drop lies above this."""

    @field_validator("formats")
    @classmethod
    def _once_each(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise ValueError(f"names {twice[0]!r} twice")
        return value
