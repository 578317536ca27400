"""A ``transformers.Trainer`` that distils: from a live teacher or from cached logits."""

from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer
from transformers.modeling_outputs import SequenceClassifierOutput

from alambique.artefacts.tokens import MASK
from alambique.errors import ModelError
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.evaluation.task import Task
from alambique.losses.contract import PredictionLoss
from alambique.losses.features import FeatureLoss
from alambique.losses.mixture import mixture_parts
from alambique.losses.prediction import loss_of
from alambique.models.inputs import IDS, ModelInputs
from alambique.models.labels import label_names_of
from alambique.models.tokenizer import load_tokenizer
from alambique.recipe.schedules import Schedule, as_schedule, ends_of, value_at
from alambique.training.feature_term import FeatureOutput, FeatureTerm, LiveTeacher, layer_pairs, reader_of

LABELS, TEACHER_LOGITS, HARD_LABEL_WEIGHTS = "labels", "teacher_logits", "hard_label_weights"
TEACHER_FEATURES, TEACHER_INPUTS = "teacher_features", "teacher_inputs"  # of a data set that a run makes
_NOT_READ = frozenset({TEACHER_LOGITS, TEACHER_FEATURES, TEACHER_INPUTS, HARD_LABEL_WEIGHTS})  # by the student


class StepCounts(NamedTuple):
    """What one optimiser step adds up over its micro-batches and processes."""

    rows: Tensor
    labelled_rows: Tensor
    parts: int  # what Trainer and DDP will divide by: micro-batches × processes


class StudentOutputs(NamedTuple):
    """What the student gave for a batch."""

    logits: Tensor  # (B, C)
    features: Sequence[Tensor] | None  # (N, W) each, where a feature loss reads them


class DistillationTrainer(Trainer):
    """Trainer that trains ``model`` on soft labels and hard labels together.

    The soft labels come from ``teacher_model``, which runs without gradients in each step, or from a dataset column
    ``teacher_logits`` (C floats per row), which takes precedence. With ``hard_label_weight=1`` neither is needed and this is
    ordinary fine-tuning. All rows of a step have the same weight, however they are divided into micro-batches. In
    evaluation, rows without soft labels are scored by cross-entropy with their hard labels alone. The log has the parts of
    the loss by name, before their weights: ``loss_kl``, ``loss_ce``, ``loss_hidden``.

    A dataset column ``hard_label_weights`` (a float per row, 0 or more) multiplies the cross-entropy of its row, for labels
    that are not trusted alike; the soft loss stays whole. It is a factor beside ``hard_label_weight``, which is the same for
    all rows; the divisor stays the number of rows.

    Args:
        *args: as for ``transformers.Trainer``.
        teacher_model: a fine-tuned classifier with the same labels in the same order as the student. It is put in eval
            mode and moved to the trainer's device; its weights are never updated.
        loss: the soft loss: a name such as ``kl`` or ``mse``, or a :class:`~alambique.losses.contract.PredictionLoss`.
        temperature: of the soft loss, above 0; or the temperatures at the first and the last optimiser step, linear between
            them. The learning rate's own schedule is ``lr_scheduler_type`` of ``TrainingArguments``.
        hard_label_weight: weight w of the cross-entropy, from 0 to 1; the soft loss has the weight 1 − w. It may move
            likewise.
        label_order: (C,) the rank of each class, for a loss that needs labels in order.
        task: decides the loss of the hard labels; single-label classification by default.
        features: also train on the insides of ``teacher_model``, which reads the same batches:
            :class:`~alambique.losses.features.HiddenStates` or :class:`~alambique.losses.features.Relations`. Learned
            projections are part of the student while it trains, in its checkpoints too, and taken out afterwards.
        features_first: epochs at the beginning in which the loss is that of ``features`` alone, without soft or hard labels
            (Jiao et al. 2020, "TinyBERT", section 3: the layers first, then the predictions).
        **kwargs: as for ``transformers.Trainer``.

    Raises:
        ValueError: a parameter is out of range, the teacher's labels differ from the student's, or a feature loss cannot
            be computed for these models.

    Example:
        >>> from transformers import DistilBertConfig, DistilBertForSequenceClassification, TrainingArguments
        >>> from alambique import DistillationTrainer
        >>> config = DistilBertConfig(vocab_size=30, dim=8, hidden_dim=8, n_layers=1, n_heads=1, num_labels=2)
        >>> row = {"input_ids": [2, 7, 9, 3], "attention_mask": [1, 1, 1, 1], "labels": 1, "teacher_logits": [-0.4, 1.3]}
        >>> trainer = DistillationTrainer(
        ...     model=DistilBertForSequenceClassification(config),
        ...     args=TrainingArguments("student", max_steps=2, report_to="none", disable_tqdm=True),
        ...     train_dataset=[row] * 16,
        ...     temperature=2.0,
        ...     hard_label_weight=0.5,
        ... )
        >>> trainer.train().global_step  # doctest: +ELLIPSIS
        {'train_runtime': ...
        2
    """

    # Trainer divides a loss that is a mean by the accumulation steps, unless the model takes **kwargs (DistilBERT does).
    loss_is_scaled_for_ga = False

    def __init__(
        self,
        *args: Any,
        teacher_model: PreTrainedModel | None = None,
        loss: str | PredictionLoss = "kl",
        temperature: float | tuple[float, float] = 2.0,
        hard_label_weight: float | tuple[float, float] = 0.5,
        label_order: Sequence[int] | None = None,
        task: Task = SINGLE_LABEL,
        features: FeatureLoss | FeatureTerm | None = None,
        features_first: float = 0,
        **kwargs: Any,
    ) -> None:
        """See the class."""
        if features_first and (features is None or features_first < 0):
            raise ValueError(f"features_first is {features_first}: it must be 0, or a number of epochs beside features")
        temperatures, weights = ends_of(as_schedule(temperature)), ends_of(as_schedule(hard_label_weight))
        if not min(temperatures) > 0 or not 0 <= min(weights) <= max(weights) <= 1:
            raise ValueError(
                "temperature must be above 0 and hard_label_weight from 0 to 1, "
                f"not {temperature} and {hard_label_weight}"
            )
        if kwargs.get("compute_loss_func") is not None:
            raise ValueError(
                "compute_loss_func would be ignored: give the soft loss as loss, a name or a PredictionLoss"
            )
        prediction_loss = task.soft_loss_of(loss_of(loss))
        super().__init__(*args, **kwargs)
        self.loss = prediction_loss
        self.temperature, self.hard_label_weight = as_schedule(temperature), as_schedule(hard_label_weight)
        self.label_order, self.task, self.features_first = label_order, task, features_first
        self.teacher_model: nn.Module | None = teacher_model
        student = cast("PreTrainedModel", self.model)
        if min(weights) < 1:
            prediction_loss.check(
                classes=len(label_names_of(student)),
                ordered=label_order is not None,
                accumulation=self.args.gradient_accumulation_steps,
            )
        self.label_names = self.label_names or [LABELS]  # which a forward pass without names does not name either
        self._student_inputs = ModelInputs.of(student)
        self._teacher_inputs = ModelInputs(frozenset())
        if teacher_model is not None:
            _check_labels(label_names_of(teacher_model), label_names_of(student))
            _check_vocabularies(teacher_model.config.vocab_size, student.config.vocab_size)
            _check_tokenizers(teacher_model, self.processing_class)
            self._teacher_inputs = ModelInputs.of(teacher_model)
            self.teacher_model = cast("nn.Module", teacher_model).to(self.args.device)
        self.features = self._live_features(features, teacher_model) if isinstance(features, FeatureLoss) else features
        if self.features is not None and self.features.teacher is not None:
            cast("nn.Module", self.features.teacher.model).to(self.args.device)
        self._parts: dict[str, Tensor] = {}  # of the loss, summed over the steps since they were last logged
        self._parts_since: int | None = None

    def _live_features(self, loss: FeatureLoss, teacher: PreTrainedModel | None) -> FeatureTerm:
        if teacher is None:
            raise ValueError(f"features: {loss.name} needs teacher_model, whose layers it reads")
        if self.args.torch_compile:
            raise ValueError("features: the layers of a compiled model cannot be read; leave torch_compile out")
        try:
            student = cast("PreTrainedModel", self.model)
            pairs = layer_pairs(loss, student, teacher)
            reader = reader_of(loss, teacher, list(pairs.values()), of="teacher")
            return FeatureTerm(
                loss, student, pairs, reader.widths, seed=self.args.seed, teacher=LiveTeacher(teacher, reader)
            )
        except ValueError as error:
            raise ValueError(f"features: {error}") from error

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """As ``Trainer.train``; the student has the projections of a feature loss until it returns."""
        with nullcontext() if self.features is None else self.features.attached():
            return super().train(*args, **kwargs)

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,  # noqa: FBT001, FBT002 - Trainer's signature
        num_items_in_batch: Any = None,
    ) -> Any:
        """The mixture of :func:`alambique.losses.mixture.distillation_loss`.

        Args:
            model: the student, perhaps wrapped.
            inputs: a batch: the student's inputs, ``labels`` (B,), perhaps ``teacher_logits`` (B, C) and
                ``hard_label_weights`` (B,).
            return_outputs: also return the student's logits, in a ``SequenceClassifierOutput``.
            num_items_in_batch: the :class:`StepCounts` of the optimiser step, from :meth:`get_batch_samples`; without
                them the loss is the mean over this batch.

        Raises:
            ValueError: labels are not integers; or, in training, soft labels have weight and there are none.
        """
        labels = inputs.get("labels")
        if labels is not None and labels.is_floating_point():
            raise ValueError(
                f"labels must be class indices (integers), not {labels.dtype}: soft labels go into {TEACHER_LOGITS!r}"
            )
        logits, features = self.student_outputs(model, self._student_inputs.select(_students(inputs)))
        teacher_logits, taught = self._taught(inputs, features=features is not None)
        weight = self._now(self.hard_label_weight)
        if teacher_logits is None and weight < 1:
            if model.training:
                raise ValueError(
                    "There are no soft labels to distil from: give teacher_model, or a dataset column "
                    f"{TEACHER_LOGITS!r} with the teacher's logits for each row."
                )
            weight = 1.0
        counts = num_items_in_batch if isinstance(num_items_in_batch, StepCounts) else None
        loss, soft, hard = mixture_parts(
            logits,
            teacher_logits,
            labels,
            temperature=self._now(self.temperature),
            hard_label_weight=weight,
            loss=self.loss,
            label_order=self.label_order,
            label_smoothing=self.args.label_smoothing_factor,
            hard_loss=self.task.hard_loss,
            rows=None if counts is None else counts.rows,
            labelled_rows=None if counts is None else counts.labelled_rows,
            hard_label_weights=inputs.get(HARD_LABEL_WEIGHTS),
        )
        parts = {self.loss.name: soft, "ce": hard}
        if self.features is not None and features is not None and taught is not None:
            rows = self.features.rows(features, taught, _lengths(inputs))
            term = rows.sum() / (len(rows) if counts is None else counts.rows)
            if self._features_alone():
                # 0 times the mixture: DistributedDataParallel expects a gradient of every weight, the classifier's too
                loss, parts = 0.0 * loss + term, {self.features.loss.name: term.detach()}
            else:
                loss, parts[self.features.loss.name] = loss + self.features.weight * term, term.detach()
        if counts is not None:
            loss = loss * counts.parts
            self._add_up(parts)
        # logits alone: Trainer would gather whatever else a model gives (encoder states of BART) over the whole of valid
        return (loss, SequenceClassifierOutput(logits=logits)) if return_outputs else loss

    def student_outputs(self, model: nn.Module, inputs: dict[str, Any]) -> StudentOutputs:
        """What the student gives for a batch of its own inputs; features in training alone."""
        outputs = model(**inputs)
        if self.features is None or not model.training:
            return StudentOutputs(_logits(outputs), None)
        if not isinstance(outputs, FeatureOutput):
            raise TypeError("features are read in train() alone")
        return StudentOutputs(_logits(outputs), outputs.features)

    def _now(self, schedule: Schedule) -> float:
        """Value at the current optimiser step of those planned."""
        return value_at(schedule, self.state.global_step, self.state.max_steps)

    def _features_alone(self) -> bool:
        """Whether the current optimiser step is one of the first epochs."""
        return (self.state.epoch or 0) < self.features_first

    def _taught(self, inputs: dict[str, Any], *, features: bool) -> tuple[Tensor | None, list[Tensor] | None]:
        """The teacher's logits, and its features where they are asked for: stored ones, or those of a single pass."""
        logits, term = inputs.get(TEACHER_LOGITS), self.features
        if features and term is not None:
            if TEACHER_FEATURES in inputs:
                return logits, term.split(inputs[TEACHER_FEATURES])
            if term.teacher is None:
                raise ValueError(f"There are no features to learn from: the batch has no {TEACHER_FEATURES!r}.")
            live, values = term.teacher(inputs.get(TEACHER_INPUTS) or self._teacher_inputs.select(_students(inputs)))
            return (live if logits is None and self.teacher_model is not None else logits), values
        if logits is not None or self.teacher_model is None:
            return logits, None
        self.teacher_model.eval()  # whoever trains the teacher elsewhere leaves it in train mode
        with torch.no_grad():
            return _logits(self.teacher_model(**self._teacher_inputs.select(_students(inputs)))), None

    def _add_up(self, parts: dict[str, Tensor | None]) -> None:
        if self._parts_since is None:
            self._parts_since = self.state.global_step
        for name, value in parts.items():
            if value is not None:
                self._parts[name] = self._parts[name] + value if name in self._parts else value

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Also log the parts of the loss, where there are several; over all processes, on average over the steps."""
        if "loss" in logs and self._parts:
            steps = max(1, self.state.global_step - (self._parts_since or 0))
            sums = self.accelerator.gather(torch.stack([*self._parts.values()]).unsqueeze(0)).sum(0) / steps
            if len(self._parts) > 1:
                logs |= {f"loss_{name}": value for name, value in zip(self._parts, sums.tolist(), strict=True)}
            self._parts, self._parts_since = {}, None
        super().log(logs, *args, **kwargs)

    def get_batch_samples(
        self, epoch_iterator: Iterator[dict[str, Any]], num_batches: int, device: torch.device
    ) -> tuple[list[dict[str, Any]], Any]:
        """Also count the rows of the optimiser step, over its micro-batches and over all processes.

        Raises:
            ValueError: a weight of a hard label is negative or not finite.
        """
        batches, num_items = super().get_batch_samples(epoch_iterator, num_batches, device)
        if not batches:
            return batches, num_items
        for batch in batches:
            _check_weights(batch.get(HARD_LABEL_WEIGHTS))
        counted = torch.tensor([self.counted(batch) for batch in batches]).sum(0)
        totals = self.accelerator.gather(counted.to(device).unsqueeze(0)).sum(0)
        return batches, StepCounts(totals[0], totals[1], len(batches) * self.accelerator.num_processes)

    def counted(self, batch: dict[str, Any]) -> tuple[int, int]:
        """Rows of a batch, and how many of them have a label."""
        labelled = int(self.task.labelled(batch["labels"]).sum()) if "labels" in batch else 0
        return len(next(iter(batch.values()))), labelled

    def _set_signature_columns_if_needed(self) -> None:
        # Trainer drops every column the student does not name: the soft labels and the teacher's token types with them
        if self._signature_columns is None:
            super()._set_signature_columns_if_needed()
            self._signature_columns = [
                *(self._signature_columns or ()),
                *self.label_names,
                TEACHER_LOGITS,
                HARD_LABEL_WEIGHTS,
                *(name for each in (self._student_inputs, self._teacher_inputs) for name in sorted(each.column_names)),
            ]  # type: ignore[assignment]


def _logits(outputs: Any) -> Tensor:
    """Logits of a model's outputs, (B, C); first in a tuple, which a config with ``return_dict: false`` gives."""
    return cast("Tensor", outputs[0] if isinstance(outputs, tuple) else outputs.logits)


def _students(batch: dict[str, Any]) -> dict[str, Any]:
    """A batch without what the loss alone reads."""
    return {name: value for name, value in batch.items() if name not in _NOT_READ}


def _check_weights(weights: Tensor | None) -> None:
    if weights is not None and not bool(((weights >= 0) & weights.isfinite()).all()):
        raise ValueError(f"{HARD_LABEL_WEIGHTS} must be finite and 0 or more, not {weights.tolist()}")


def _lengths(batch: dict[str, Any]) -> Tensor:
    """Real tokens of each row of a batch, (B,)."""
    mask = batch.get(MASK)
    return torch.full_like(batch[IDS][:, 0], batch[IDS].shape[1]) if mask is None else (mask != 0).sum(1)


def _check_tokenizers(teacher: PreTrainedModel, tokenizer: Any) -> None:
    """Compare the tokenizer in the folder that the teacher came from, if there is one, with the student's."""
    folder = Path(str(teacher.name_or_path))
    if not isinstance(tokenizer, PreTrainedTokenizerBase) or not (folder / "config.json").is_file():
        return
    try:
        own = load_tokenizer(folder, key="teacher_model")
    except ModelError:  # there is none to compare with
        return
    if own.get_vocab() != tokenizer.get_vocab():
        raise ValueError(
            f"a live teacher reads the student's token ids, but the tokenizer in its folder {folder} numbers its tokens "
            "otherwise than processing_class: label the rows with the teacher's own tokenizer first, and give the logits as "
            f"a column {TEACHER_LOGITS!r}"
        )


def _check_vocabularies(teachers: int, students: int) -> None:
    if teachers != students:
        raise ValueError(
            f"a live teacher reads the student's token ids, but its vocabulary has {teachers} entries and the student's "
            f"{students}: label the rows with the teacher's own tokenizer first, and give the logits as a column "
            f"{TEACHER_LOGITS!r}"
        )


def _check_labels(teachers: list[str], students: list[str]) -> None:
    if len(teachers) != len(students):
        raise ValueError(f"the teacher has {len(teachers)} labels, the student {len(students)}")
    if set(teachers) & set(students) and teachers != students:
        raise ValueError(
            f"the teacher's labels are {', '.join(teachers)}, the student's {', '.join(students)}: "
            "the same class must have the same index in both"
        )
