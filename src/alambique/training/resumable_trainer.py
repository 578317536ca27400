"""A Trainer that resumes to the same bytes after a crash, and raises on a loss or gradient that is not finite."""

import math
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import Sampler
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from alambique.artefacts.tokens import MASK
from alambique.errors import NonFiniteError
from alambique.models.speedups.length_groups import group_lengths
from alambique.signals import StopRequest
from alambique.training.checkpoints import best_checkpoint, commit, facts_of, prune
from alambique.training.distillation_trainer import DistillationTrainer, StudentOutputs
from alambique.training.samplers import ORDER, LongestFirst, UniformSteps
from alambique.training.stopping import Stopping, StoppingCallback, log_of, scored_epochs
from alambique.training.views import ViewEachEpoch

if TYPE_CHECKING:
    from alambique.training.dataset import TokenDataset
    from alambique.training.views import ViewsDataset

SAVE_EVERY = 600.0  # seconds of training that a kill costs at most, and an epoch at most
_PART_COST = 64  # of a part of a batch beyond that of its tokens, in tokens: adding up the gradients of all weights
_PART_COST_ON_ACCELERATOR = 8192  # where fewer tokens cost no time of their own
_NAMED = 8  # rows that a message names
_LARGE = 1e4  # a teacher's logit beyond this is itself the cause


class ResumableTrainer(DistillationTrainer):
    """Draws rows uniformly, seals its checkpoints, and checks loss and gradient before each change of the weights.

    Args:
        *args: as for :class:`DistillationTrainer`.
        row_ids: of the rows of train, for messages.
        section: of the recipe, ``teacher`` or ``student``, for messages.
        stopping: when to end before the planned epochs.
        labelled: how many rows of train, from the first, are in each epoch; all by default.
        epoch_rows: rows of an epoch (:class:`~alambique.training.samplers.UniformSteps`); by default each once.
        split_by_length: in training, compute a batch in several parts of similar length, where that leaves out padding.
        **kwargs: as for :class:`DistillationTrainer`.
    """

    def __init__(
        self,
        *args: Any,
        row_ids: Sequence[str],
        section: str,
        stopping: Stopping,
        labelled: int | None = None,
        epoch_rows: int | None = None,
        split_by_length: bool = False,
        **kwargs: Any,
    ) -> None:
        """See the class."""
        super().__init__(*args, **kwargs)
        self.stopping = stopping
        self.add_callback(StoppingCallback(stopping))
        self.row_ids, self.section, self.split_by_length = row_ids, section, split_by_length
        self.labelled, self.epoch_rows = labelled, epoch_rows
        self._losses: list[Tensor] = []
        self._resumed_from: Path | None = None

    def train_on(self, checkpoint: Path | None) -> None:
        """Train, from a checkpoint that :func:`~alambique.training.checkpoints.latest_valid` gave, or from the start."""
        self._resumed_from = checkpoint
        log = [] if checkpoint is None else log_of(checkpoint)
        if self.stopping.is_due(log):  # it was killed after its last epoch: none is left to be trained
            self.args.num_train_epochs = scored_epochs(log)
        self.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))

    def restore(self, state: TrainerState) -> None:
        """Take up what Trainer's own checkpoints leave out: the loss not logged yet; where the best epoch lies now."""
        self._draw_otherwise(state)
        if self._resumed_from is None:
            return
        facts = facts_of(self._resumed_from)
        loss, parts = self._unlogged(facts)
        self._tr_loss = torch.tensor(loss, device=self.args.device)
        self._globalstep_last_logged = self._parts_since = facts["logged_at"]
        self._parts = {name: torch.tensor(value, device=self.args.device) for name, value in parts.items()}
        state.best_model_checkpoint = str(best_checkpoint(self._resumed_from)) if state.best_global_step else None

    def _draw_otherwise(self, state: TrainerState) -> None:
        """Draw dropout from seed, rank and step where no checkpoint of as many processes says how to go on."""
        rank, checkpoint = self.args.process_index, self._resumed_from
        name = f"rng_state_{rank}.pth" if self.args.world_size > 1 else "rng_state.pth"
        if not (rank == 0 if checkpoint is None else (checkpoint / name).is_file()):
            drawn = np.random.SeedSequence((self.args.seed, rank, state.global_step)).generate_state(1, np.uint64)
            torch.manual_seed(int(drawn[0]))

    def agreed(self, *flags: bool) -> list[bool]:
        """Flags that are the same in all processes: this is the only one."""
        return list(flags)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self._seal(Path(cast("str", self.args.output_dir)) / f"checkpoint-{self.state.global_step}", self._facts())

    def _facts(self) -> dict[str, Any]:
        """What Trainer's own checkpoints leave out."""
        facts: dict[str, Any] = {
            "unlogged_loss": self._tr_loss.item(),
            "logged_at": self._globalstep_last_logged,
            "order": ORDER,
        }
        facts["unlogged_parts"] = {name: value.item() for name, value in self._parts.items()}
        return facts

    def _unlogged(self, facts: dict[str, Any]) -> tuple[float, dict[str, float]]:
        """Of these facts: the loss that is not logged yet, and its parts, which checkpoints made before lack."""
        return facts["unlogged_loss"], facts.get("unlogged_parts", {})

    def _seal(self, checkpoint: Path, facts: dict[str, Any]) -> None:
        commit(checkpoint, facts)
        prune(checkpoint.parent)

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        views = self._views if train_dataset is None else train_dataset.views
        samplers = [
            UniformSteps(
                view.tokens.lengths, self._step_rows(), seed=self.args.seed, labelled=self.labelled,
                epoch_rows=self.epoch_rows,
            )
            for view in views
        ]  # fmt: skip
        return ViewEachEpoch(samplers) if len(samplers) > 1 else samplers[0]

    @property
    def _views(self) -> "tuple[TokenDataset, ...]":
        return cast("TokenDataset | ViewsDataset", self.train_dataset).views

    def _get_eval_sampler(self, eval_dataset: Any) -> Sampler[int]:
        return LongestFirst(eval_dataset.tokens.lengths)

    def student_outputs(self, model: nn.Module, inputs: dict[str, Any]) -> StudentOutputs:
        """In training, where it is asked for, those of parts of the batch, put together again before any loss."""
        shortest = self._views[0].inputs.shortest
        parts = cut_by_length(inputs, shortest) if model.training and self.split_by_length else [inputs]
        made = [super(ResumableTrainer, self).student_outputs(model, part) for part in parts]
        logits, features = torch.cat([each.logits for each in made]), [each.features or () for each in made]
        return StudentOutputs(logits, [torch.cat(values) for values in zip(*features, strict=True)] or None)

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """Also keep the loss for the check before the optimiser's step."""
        loss = super().training_step(*args, **kwargs)
        self._losses.append(loss)
        return loss

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        norm = super()._clip_grad_norm(model)
        seen = torch.stack([*self._losses, torch.as_tensor(norm, device=self.args.device)])
        self._losses.clear()
        if not bool(torch.isfinite(seen).all()):
            what = "loss" if not bool(torch.isfinite(seen[:-1]).all()) else "norm of the gradient"
            worst = next(value for value in seen.tolist() if not math.isfinite(value))
            self._stop(f"The {what} is {worst} at step {self.state.global_step + 1} of {self.state.max_steps}")
        return norm

    def check_evaluation(self, metrics: dict[str, float]) -> None:
        """Stop before a checkpoint is written of a model whose loss on valid is not finite.

        Raises:
            NonFiniteError: it is none.
        """
        loss = metrics.get("eval_loss", 0.0)
        if not math.isfinite(loss):
            self._stop(
                f"The loss on valid is {loss} after step {self.state.global_step} of {self.state.max_steps}", seen=1
            )

    def _stop(self, what: str, *, seen: int = 0) -> None:
        rows = self.rows_of_step(self.state.global_step - seen)
        named = ", ".join(self._id_of(row) for row in rows[:_NAMED])
        more = f" and {len(rows) - _NAMED} more" if len(rows) > _NAMED else ""
        kept = [int(path.name.split("-")[1]) for path in Path(str(self.args.output_dir)).glob("checkpoint-*")]
        last = f"The checkpoint of step {max(kept)} is kept." if kept else "There is no checkpoint yet."
        raise NonFiniteError(f"{what}, whose rows are {named}{more}. {self._causes(rows)} {last}")

    def _id_of(self, number: int) -> str:
        return self.row_ids[number % len(self.row_ids)]

    def rows_of_step(self, step: int) -> list[int]:
        """Numbers of the rows in an optimiser step, counted from 0 over all epochs."""
        sampler = cast("UniformSteps | ViewEachEpoch", self._get_train_sampler())
        steps = max(1, self.state.max_steps // max(1, math.ceil(self.args.num_train_epochs)))
        sampler.set_epoch(step // steps)
        begin = step % steps * self._step_rows()
        return list(sampler)[begin : begin + self._step_rows()]

    def _step_rows(self) -> int:
        return self.args.train_batch_size * self.args.gradient_accumulation_steps

    def _causes(self, rows: list[int]) -> str:
        causes = []
        soft = [view.teacher_logits for view in self._views]
        if soft[0] is not None:
            logits = {row: cast("np.ndarray", soft[row // len(self.row_ids)])[row % len(self.row_ids)] for row in rows}
            reach = {row: float(np.nan_to_num(np.abs(values), nan=math.inf).max()) for row, values in logits.items()}
            worst = max(rows, key=reach.__getitem__)
            if not math.isfinite(reach[worst]):
                causes.append(f"the teacher's logits of {self._id_of(worst)} are not finite")
            elif reach[worst] > _LARGE:
                causes.append(f"the teacher's logits of {self._id_of(worst)} reach {reach[worst]:g}")
        rate = f"{self.section}.learning_rate"
        causes.append(f"{rate} is {self.args.learning_rate:g}, try --set {rate}={self.args.learning_rate / 10:g}")
        if self.args.bf16:
            causes.append("bfloat16 is too coarse here, try --set compute.precision=fp32")
        return f"Likely {'causes, the likeliest first' if len(causes) > 1 else 'cause'}: {'; '.join(causes)}."


def cut_by_length(inputs: dict[str, Any], shortest: int = 1) -> list[dict[str, Any]]:
    """Cut a batch into parts of consecutive rows, each without the columns that are padding in all of its rows.

    Args:
        inputs: of a model, (B, T) each, ``attention_mask`` among them; without it nothing is cut.
        shortest: columns that a part has at least.

    Returns:
        The parts in order; a single one if more would cost more than the padding.
    """
    mask = inputs.get(MASK)
    if mask is None:
        return [inputs]
    real = mask.detach().cpu().numpy() != 0
    overhead = _PART_COST if mask.device.type == "cpu" else _PART_COST_ON_ACCELERATOR
    bounds = group_lengths(real.sum(1).clip(shortest), overhead=overhead)
    if len(bounds) == 2:  # noqa: PLR2004 - where the only part begins and ends
        return [inputs]
    parts = []
    for first, last in pairwise(bounds):
        width = max(shortest, int(real[first:last].sum(1).max()))
        seen = slice(None, width) if real[first, 0] else slice(-width, None)  # padded at the right, or at the left
        parts.append({name: values[first:last, seen] for name, values in inputs.items()})
    return parts


class CheckpointCallback(TrainerCallback):
    """Saves within long epochs, and before an interruption; looks at what evaluation gave."""

    def __init__(self, trainer: ResumableTrainer, request: StopRequest, *, every: float = SAVE_EVERY) -> None:
        """Args: the trainer; who may ask to stop; seconds between checkpoints."""
        self.trainer, self.request, self.every = trainer, request, every
        self.saved = time.monotonic()

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Take up the rest of a checkpoint."""
        del args, control
        self.trainer.restore(state)
        self.saved = time.monotonic()

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Save if it is time to, or if somebody asked to stop; not at an epoch's end, which is saved when it is scored."""
        steps = state.max_steps // math.ceil(args.num_train_epochs)
        due, self.request.made = self.trainer.agreed(time.monotonic() - self.saved >= self.every, self.request.made)
        if (due or self.request.made) and state.global_step % steps:
            control.should_save = True

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **told: Any) -> None:
        """Stop if the loss on valid is not finite."""
        del args, state, control
        self.trainer.check_evaluation(told.get("metrics") or {})

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        """Now it may stop."""
        del args, state, control
        self.saved = time.monotonic()
        (self.request.made,) = self.trainer.agreed(self.request.made)
        self.request.raise_if_set()
