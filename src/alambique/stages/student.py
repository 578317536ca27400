"""The student, and its undistilled twin: the same start, batches, steps and learning rates, hard labels only."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from alambique.artefacts.contradicted import Trust
from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Split, Splits
from alambique.artefacts.token_vectors import TokenVectors
from alambique.artefacts.tokens import Tokens
from alambique.errors import RecipeError
from alambique.evaluation.task import Task
from alambique.evaluation.tasks import TASKS
from alambique.models.cut_vocabulary import CutVocabulary
from alambique.models.from_pretrained import KEY, FromPretrained
from alambique.models.from_scratch import FromScratch
from alambique.models.from_teacher import FromTeacherLayers
from alambique.models.pretrained import load_finished, recorded_pretrained
from alambique.models.static_student import StaticStudent
from alambique.models.student_form import BuildContext, StudentForm, Surroundings
from alambique.models.token_vectors import ENCODER_KEY
from alambique.models.tokenizer import load_tokenizer, tokenizer_digest
from alambique.progress import Reporter
from alambique.recipe.distillation import Distillation
from alambique.recipe.schedules import ends_of
from alambique.recipe.sections import Compute, Student, Training
from alambique.recipe.static import Static
from alambique.run.folder import RunFolder
from alambique.run.layout import STUDENT, TOKEN_VECTORS
from alambique.run.manifest import Artefact
from alambique.run.stage import Inputs, Stage, derived, keyed
from alambique.training.class_weights import class_weights, row_weights
from alambique.training.feature_source import FeatureSource
from alambique.training.fit import fit
from alambique.training.prepare import HARD_ONLY
from alambique.training.rows import TrainingRows, View
from alambique.training.stopping import epochs_made

# by the key of the recipe's student section
FORMS: dict[str, type[FromPretrained | FromTeacherLayers | FromScratch | StaticStudent]] = {
    "model": FromPretrained,
    "from_teacher": FromTeacherLayers,
    "from_scratch": FromScratch,
    "static": StaticStudent,
}


def resolve_student(section: Student, surroundings: Surroundings) -> StudentForm:
    """Find and check the form of student that a recipe names.

    Raises:
        ModelError: it cannot be had, or does not fit the teacher.
    """
    form = next(FORMS[key] for key in FORMS if section.model_dump()[key] is not None)
    return form.resolve(section, surroundings)


def recorded_student(run: RunFolder, section: Student, surroundings: Surroundings) -> StudentForm:
    """The form in a finished run, to ask whether its stages are current; a checkpoint is not loaded.

    A checkpoint that is not here any more counts as the one that the run recorded.
    """
    whole = _recorded_whole(run, section, surroundings)
    cut = run.recorded_key(STUDENT).get("inputs", {}).get("vocabulary") if section.vocabulary is not None else None
    return whole if cut is None else CutVocabulary(whole, cut)


def _recorded_whole(run: RunFolder, section: Student, surroundings: Surroundings) -> StudentForm:
    if section.from_scratch is not None and surroundings.train is not None:
        return FromScratch(section.from_scratch, alone=True)  # its tokenizer is in the run
    if section.static is not None:
        return _recorded_static(run, section.static)
    if section.model is None:
        return resolve_student(section, surroundings)
    recorded = run.recorded_key(STUDENT).get("inputs", {}).get("checkpoint")
    return FromPretrained(recorded_pretrained(section.model, recorded, run.path / STUDENT, key=KEY), None)


def _recorded_static(run: RunFolder, section: Static) -> StaticStudent:
    if section.encoder is None:
        return StaticStudent(section)
    recorded = run.recorded_key(TOKEN_VECTORS).get("inputs", {}).get("checkpoint")
    return StaticStudent(section, recorded_pretrained(section.encoder, recorded, run.path / STUDENT, key=ENCODER_KEY))


def check_loss(distillation: Distillation, student: Student, splits: Splits) -> None:
    """Refuse a loss that is not defined for these labels or this training.

    Raises:
        RecipeError: says why; nothing has been trained yet.
    """
    if min(ends_of(distillation.hard_label_weight)) == 1:
        return
    try:
        TASKS[splits.task].soft_loss_of(distillation.loss).check(
            classes=len(splits.label_names), ordered=splits.ordinal, accumulation=student.gradient_accumulation
        )
    except ValueError as error:
        raise RecipeError(f"distillation.{error}.") from error


@dataclass(frozen=True)
class StudentStart:
    """The untrained student: its form, and the teacher that it may be built from.

    Attributes:
        form: says how it is built.
        teacher: the trained teacher that is reported as the teacher.
        token_vectors: what the vectors of a static student begin with; None for other forms.
    """

    form: StudentForm
    teacher: Artefact
    token_vectors: TokenVectors | None = None

    def key(self) -> dict[str, Any]:
        """Its parts of the manifest key."""
        key = self.form.key(teacher=self.teacher.digest, teacher_tokenizer=tokenizer_digest(self.teacher.folder))
        if self.token_vectors is None:
            return key
        return {**key, "inputs": {**key["inputs"], "token_vectors": self.token_vectors.digest}}


def training_key(settings: Training) -> dict[str, Any]:
    """The keys that every training has."""
    return {name: value for name, value in settings.key().items() if name in Training.model_fields}


def _after_key(stop_after: int | None) -> dict[str, Any]:
    return {} if stop_after is None else {"stop_after": stop_after}


def _epoch_rows_key(rows: int | None) -> dict[str, Any]:
    return {} if rows is None else {"epoch_rows": rows}


def _order_key(order: tuple[int, ...] | None) -> dict[str, Any]:
    return {} if order is None else {"label_order": list(order)}


def _digests_key(name: str) -> Callable[[Sequence[Split | SoftLabels]], dict[str, Any]]:
    return lambda artefacts: {"inputs": {name: [each.digest for each in artefacts]}} if artefacts else {}


@dataclass(frozen=True)
class StudentInputs(Inputs):
    """What student or twin are trained from; for the twin all that a teacher says is None."""

    start: StudentStart = keyed(value=StudentStart.key)
    settings: Training = keyed("recipe", value=training_key)
    distillation: Distillation | None = keyed(
        "distillation", value=lambda section: None if section is None else section.key()
    )
    compute: Compute = keyed("compute", value=Compute.key)
    max_length: int = keyed("max_length")
    soft_labels: SoftLabels | None = keyed(
        "inputs", "soft_labels", value=lambda labels: None if labels is None else labels.digest
    )
    train: Split = keyed("inputs", "train", value=lambda split: split.digest)
    valid: Split = keyed("inputs", "valid", value=lambda split: split.digest)
    label_names: tuple[str, ...] = keyed("inputs", "labels")
    label_order: tuple[int, ...] | None = keyed(value=_order_key)
    task: Task = keyed(value=lambda task: task.key())
    seed: int = keyed("seed")
    stop_after: int | None = keyed(value=_after_key)
    epoch_rows: int | None = keyed(value=_epoch_rows_key)
    features: FeatureSource | None = keyed(value=lambda source: {} if source is None else source.key())
    views: tuple[Split, ...] = keyed(value=_digests_key("views"))
    view_labels: tuple[SoftLabels, ...] = keyed(value=_digests_key("view_labels"))  # none for the twin
    trust: Trust | None = keyed(value=lambda trust: {} if trust is None else trust.key())
    tokens: Mapping[str, Tokens] = derived("start", "train", "valid", "views", "max_length")


def _make(inputs: StudentInputs, work: Path, reporter: Reporter, *, name: str) -> None:
    model, tokenizer = inputs.start.form.build(
        BuildContext(
            load_teacher=lambda: load_finished(inputs.start.teacher.folder, key="teacher"),
            teacher_tokenizer=inputs.start.form.tokenizer or load_tokenizer(inputs.start.teacher.folder, key="teacher"),
            label_names=inputs.label_names,
            seed=inputs.seed,
            token_vectors=inputs.start.token_vectors,
        )
    )
    labels = inputs.soft_labels
    mixed = labels is not None and len(labels.ids) > len(inputs.train)  # its rows are in the order of the tokens
    logits = None if labels is None else labels.logits if mixed else labels.for_rows(inputs.train.ids)
    rows = TrainingRows(
        inputs.train, inputs.valid, inputs.tokens, logits, task=inputs.task, label_order=inputs.label_order,
        features=inputs.features, mixed_ids=labels.ids if mixed and labels is not None else None,
        epoch_rows=inputs.epoch_rows,
        views=_views(inputs), hard_label_weights=_hard_label_weights(inputs),
    )  # fmt: skip
    with reporter.stage(f"{name} (seed {inputs.seed})") as step:
        fit(
            model, tokenizer, rows, settings=inputs.settings, compute=inputs.compute, max_length=inputs.max_length,
            seed=inputs.seed, work=work, step=step, distillation=inputs.distillation or HARD_ONLY,
            stop_after=inputs.stop_after, stored=inputs.start.form.stored,
        )  # fmt: skip


def _hard_label_weights(inputs: StudentInputs) -> np.ndarray | None:
    """(rows of train,) float32: of the class of each row, times how far its label is trusted; None: 1 for all."""
    labels = inputs.train.labels
    by_class = row_weights(class_weights(inputs.settings.class_weights, labels, inputs.label_names), labels)
    if inputs.trust is None:
        return by_class
    trusted = inputs.trust.weights(inputs.train.ids)
    return trusted if by_class is None else trusted * by_class


def _views(inputs: StudentInputs) -> tuple[View, ...]:
    tokens = [inputs.tokens[view.name] for view in inputs.views]
    logits = [labels.for_rows(inputs.train.ids) for labels in inputs.view_labels]
    return tuple(map(View, tokens, logits) if logits else map(View, tokens))


def twin_settings(section: Student, student: Artefact) -> tuple[Student, int | None]:
    """The settings of a twin, and the epochs after which it stops; None where its student made all of them."""
    made = epochs_made(student.folder)
    early = section.patience is not None and made is not None and made < section.epochs
    return section.model_copy(update={"patience": None}), made if early else None


def make_student(
    run: RunFolder, name: str, start: StudentStart, section: Student, splits: Splits, tokens: Mapping[str, Tokens],
    compute: Compute, *, task: Task, distillation: Distillation | None, soft_labels: SoftLabels | None,
    features: FeatureSource | None, max_length: int, seed: int, reporter: Reporter, twin_of: Artefact | None = None,
    epoch_rows: int | None = None,
    trust: Trust | None = None, views: tuple[Split, ...] = (), view_labels: tuple[SoftLabels, ...] = (),
) -> Artefact:  # fmt: skip
    """Train the student on soft and hard labels, or (without distillation and soft labels) its twin on hard labels alone.

    A twin has no patience of its own: it makes as many epochs as its student made, at the same learning rates, and its best
    epoch on valid is saved like the student's.

    Args:
        run: where.
        name: ``student`` or ``undistilled``.
        start: the untrained student.
        section: epochs and the like.
        splits: the rows.
        tokens: of train and valid, by the student's tokenizer.
        compute: precision and speed-ups.
        task: how epochs are chosen.
        distillation: loss, temperature, mixture; None for the twin.
        soft_labels: of train, or of train and the unlabelled rows behind it; None for the twin.
        features: the teacher of a feature loss; None for the twin, and where there is none.
        max_length: where texts are cut, in tokens.
        seed: of the untrained student, the order of rows and dropout.
        reporter: where progress goes.
        twin_of: the trained student, for the twin.
        epoch_rows: rows of an epoch, where that is not each row once.
        trust: how hard labels are weighed; None: alike, as for the twin, which is what one would train without a teacher.
        views: further versions of train, which student and twin read in turn.
        view_labels: their soft labels, for the student.
    """
    settings, stop_after = (section, None) if twin_of is None else twin_settings(section, twin_of)
    ordered = distillation is not None and distillation.loss.needs_label_order and splits.ordinal
    inputs = StudentInputs(
        start=start, settings=settings, distillation=distillation, compute=compute, max_length=max_length,
        soft_labels=soft_labels, train=splits.train, valid=splits.valid, label_names=splits.label_names,
        label_order=tuple(range(len(splits.label_names))) if ordered else None, task=task, seed=seed,
        stop_after=stop_after, epoch_rows=epoch_rows, features=features, trust=trust, views=views,
        view_labels=view_labels, tokens=tokens,
    )  # fmt: skip
    return Stage(name, partial(_make, name=name)).run(run, inputs, reporter)
