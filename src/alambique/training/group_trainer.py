"""The trainer of several processes: the same losses, metrics, epochs and checkpoints as those of a single one."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from transformers.trainer_utils import EvalLoopOutput, EvalPrediction

from alambique.distributed.group import Group
from alambique.losses.contract import LossInputs
from alambique.training.resumable_trainer import ResumableTrainer
from alambique.training.shared_loss import SharedLoss
from alambique.training.shares import WITHOUT_ROWS, SharedBatches, SharedLoader, scored_batches

if TYPE_CHECKING:
    from alambique.training.samplers import UniformSteps
    from alambique.training.views import ViewEachEpoch

_PROCESSES = "processes"  # in the facts of a checkpoint: what each process adds to the next line of the log


class GroupTrainer(ResumableTrainer):
    """Shares each batch out among the processes of a group. ``batch_size`` means what it means for one.

    A step has the rows that it has in a single process, and the loss weighs each of them alike, so that gradients differ by
    rounding alone. Valid is scored in the batches of a single process. Only dropout is another: each process draws its own.

    Args:
        *args: as for :class:`ResumableTrainer`.
        group: of the processes.
        **kwargs: as for :class:`ResumableTrainer`.
    """

    def __init__(self, *args: Any, group: Group, **kwargs: Any) -> None:
        """See the class."""
        super().__init__(*args, **kwargs)
        self.group = group
        if self.accelerator.num_processes != group.processes:
            raise RuntimeError(f"Trainer sees {self.accelerator.num_processes} of {group.processes} processes")
        if self.loss.needs_batch:
            self.loss = SharedLoss(name=self.loss.name, whole=self.loss, group=group)

    def _prepare_for_training(self, *args: Any) -> Any:
        with warnings.catch_warnings():  # accelerate has no other name yet for an option that torch has renamed
            warnings.filterwarnings("ignore", "`broadcast_buffers` is deprecated", FutureWarning)
            return super()._prepare_for_training(*args)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """This process's share of each batch."""
        order = cast("UniformSteps | ViewEachEpoch", self._get_train_sampler())
        batches = SharedBatches(order, self.args.train_batch_size, rank=self.group.rank, processes=self.group.processes)
        return SharedLoader(cast("Any", self.train_dataset), batches, pin_memory=self.args.dataloader_pin_memory)

    def counted(self, batch: dict[str, Any]) -> tuple[int, int]:
        """Rows of a batch, and how many of them have a label."""
        return (0, 0) if WITHOUT_ROWS in batch else super().counted(batch)

    def _get_num_items_in_batch(self, *args: Any) -> None:
        """Nothing: Trainer would ask all processes in the midst of scoring, and :meth:`counted` counts for the loss."""
        del args

    def compute_loss(
        self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False,  # noqa: FBT001, FBT002
        num_items_in_batch: Any = None,
    ) -> Any:  # fmt: skip
        """As in the base; 0 for a process that has no row of this batch, which takes part in adding up the gradients."""
        if WITHOUT_ROWS not in inputs:
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)
        logits, features = self.student_outputs(model, self._student_inputs.select(inputs))
        none = torch.cat([logits.flatten(), *(each.flatten() for each in features or ())]).float().sum() * 0.0
        weight, parts = self._now(self.hard_label_weight), {}
        if self.loss.needs_batch and weight < 1:  # its share of what all have computed together
            empty = LossInputs(logits[:0], logits[:0].detach(), inputs["labels"][:0], self._now(self.temperature))
            parts[self.loss.name] = self.loss.rows(empty).sum().detach() / num_items_in_batch.rows
            if not self._features_alone():
                none = none + (1 - weight) * parts[self.loss.name] * num_items_in_batch.parts
        self._add_up({} if self._features_alone() else parts)
        return none

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """As in the base, where all processes have the same parts of the loss, though one had no rows."""
        if "loss" in logs:
            for name in sorted({name for names in self.group.gather([*self._parts]) for name in names}):
                self._parts.setdefault(name, torch.zeros((), device=self.args.device))
            self._parts = dict(sorted(self._parts.items()))
        super().log(logs, *args, **kwargs)

    def evaluation_loop(
        self, dataloader: DataLoader[Any], description: str, prediction_loss_only: bool | None = None,  # noqa: FBT001
        ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:  # fmt: skip
        """Score valid in the batches of a single process, each in one of the processes; all get all logits."""
        del description, prediction_loss_only
        dataset, model = cast("Any", dataloader.dataset), cast("nn.Module", self.model)
        model.eval()
        batches = scored_batches(dataset.tokens.lengths, self.args.eval_batch_size)
        mine = {}
        for number in range(self.group.rank, len(batches), self.group.processes):
            inputs = dataset.__getitems__(batches[number])
            step = self.prediction_step(model, inputs, prediction_loss_only=False, ignore_keys=ignore_keys)
            loss, *rest = (cast("Tensor", each).float().cpu().numpy() for each in step[:2])
            mine[number] = (np.repeat(loss, len(batches[number])), *rest, cast("Tensor", step[2]).cpu().numpy())
        scored = {number: parts for each in self.group.gather(mine) for number, parts in each.items()}
        losses, predictions, labels = (
            np.concatenate([scored[number][part] for number in range(len(batches))]) for part in range(3)
        )
        metrics = cast("Any", self.compute_metrics)(EvalPrediction(predictions=predictions, label_ids=labels))
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in metrics.items()}
        metrics[f"{metric_key_prefix}_loss"] = losses.mean().item()
        return EvalLoopOutput(predictions=predictions, label_ids=labels, metrics=metrics, num_samples=len(dataset))

    def agreed(self, *flags: bool) -> list[bool]:
        """Flags that are set in any process."""
        return self.group.any_of(flags)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self.group.barrier()  # what the first process has removed nobody looks for any more

    def _facts(self) -> dict[str, Any]:
        """Also what each process adds to the next line of the log, to be continued by as many to the same bytes."""
        facts = super()._facts()
        each = self.group.gather((facts["unlogged_loss"], facts["unlogged_parts"]))
        names = sorted({name for _, parts in each for name in parts})
        facts["unlogged_loss"] = sum(loss for loss, _ in each) / len(each)
        facts["unlogged_parts"] = {name: sum(parts.get(name, 0.0) for _, parts in each) for name in names}
        return facts | {_PROCESSES: each}

    def _seal(self, checkpoint: Path, facts: dict[str, Any]) -> None:
        self.group.barrier()  # all have written their random numbers
        if self.group.launch.is_first:
            super()._seal(checkpoint, facts)

    def _unlogged(self, facts: dict[str, Any]) -> tuple[float, dict[str, float]]:
        each = facts.get(_PROCESSES, ())
        if len(each) == self.group.processes:
            loss, parts = each[self.group.rank]
            return loss, parts
        loss, parts = super()._unlogged(facts)  # as another number of processes left them: a mean, and sums
        return loss, (parts if self.group.launch.is_first else dict.fromkeys(parts, 0.0))
