"""What a model costs on this machine, measured on a few batches of the real rows."""

import os
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from alambique.artefacts.tokens import Tokens
from alambique.doctor.batches import IDS, logits_of, outputs_of
from alambique.evaluation.task import Task
from alambique.models.inputs import ModelInputs

_PLACES = (0.25, 0.75, 0.1, 0.9, 0.5)  # where in the rows, sorted by length, a batch is taken
_ROUNDS = 20
_FEWEST = 2  # batches; of more the fastest at each place counts
_TRIED = 8  # rows of the batches that come first, and tell how large those measured may be
_ROOM = 4  # batches that should fit into the budget
_LONGEST = 4  # rows whose activations are counted
_BUSY = 0.25
_UNKNOWN = 600_000_000  # bytes of a process with torch in it, where the system does not say


@dataclass(frozen=True)
class Cost:
    """What one model takes.

    Attributes:
        step: seconds of a training step at the batch size, on average over an epoch; 0 for a model that is not trained.
        row: seconds to score a row.
        memory: bytes of training beside the process itself: weights, gradients, Adam's two moments, activations.
        scoring_memory: bytes of scoring: the weights, twice while they are loaded.
        weights: bytes of the weights.
    """

    step: float
    row: float
    memory: int
    scoring_memory: int
    weights: int


class Rows:
    """Tokenised rows that batches of similar length are taken from, as training and scoring do."""

    def __init__(self, tokens: Tokens, model: PreTrainedModel) -> None:
        """Sort by length."""
        self.tokens, self.inputs = tokens, ModelInputs.of(model)
        self.lengths = tokens.lengths
        self.order = np.argsort(self.lengths, kind="stable")

    def batch(self, place: float, size: int) -> dict[str, Tensor]:
        """So many rows, from this place (0: the shortest, 1: the longest) in the order of length."""
        start = int(place * max(0, len(self.order) - size))
        return self.inputs.tensors(self.tokens, self.order[start : start + size])

    def mean_tokens(self, size: int) -> float:
        """Positions of a batch of this size, padding included, on average."""
        sizes = [self.lengths[self.order[i : i + size]] for i in range(0, len(self.order), size)]
        return float(np.mean([part.max() * min(size, len(self.order)) for part in sizes]))


Extra = Callable[[Any, dict[str, Tensor]], Tensor]


def cost(
    model: PreTrainedModel, rows: Rows, task: Task, *, batch_size: int | None, scored: int, budget: float,
    extra: Extra | None = None,
) -> Cost:  # fmt: skip
    """Time training steps and scoring, and count what a backward pass must keep.

    The steps have a learning rate of 0: they cost what training costs, and move nothing.

    Args:
        model: on its device; it is left in eval mode, without gradients.
        rows: of train, cut as in training.
        task: its loss is the one that is timed.
        batch_size: of training; None for a model that is not trained.
        scored: batch size of scoring.
        budget: seconds for each of the two; where batches are too large for it, smaller ones are measured.
        extra: a further loss of a training step, from the model's outputs and its batch.
    """
    weights = sum(weight.nbytes for weight in model.parameters())
    step, memory = 0.0, 2 * weights
    if batch_size is not None:
        model.train()
        memory = 4 * weights + _activations(model, rows, batch_size)
        step = _step(model, rows, task, batch_size, budget, extra)
    model.eval()

    def score(batch: dict[str, Tensor]) -> None:
        with torch.inference_mode():
            logits_of(model, batch).cpu()

    return Cost(
        step=step,
        row=seconds_per_row(score, rows, scored, budget, model.device),
        memory=memory,
        scoring_memory=2 * weights,
        weights=weights,
    )


def seconds_per_row(
    run: Callable[[dict[str, Tensor]], None], rows: Rows, size: int, budget: float, device: torch.device
) -> float:
    """Seconds that a function of a batch takes for each row, on average over all rows in batches of this size."""
    return _per_token(run, rows, size, budget, device) * rows.mean_tokens(size) / min(size, len(rows.order))


def _step(model: PreTrainedModel, rows: Rows, task: Task, size: int, budget: float, extra: Extra | None) -> float:
    """Seconds of a training step: what its tokens take, and an update of the weights, whatever the batch."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.0, weight_decay=0.0, fused=True)
    device = model.device

    def learn(batch: dict[str, Tensor]) -> None:
        optimizer.zero_grad()
        outputs = outputs_of(model, batch)
        labels = torch.from_numpy(task.any_labels(*outputs.logits.shape)).to(device)
        loss = task.hard_loss(outputs.logits, labels).mean()
        (loss if extra is None else loss + extra(outputs, batch)).backward()

    def update() -> None:
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    passes = _per_token(learn, rows, size, budget, device) * rows.mean_tokens(size)
    updates = min(_seconds(update, device) for _ in range(2))  # the first makes room for the moments
    optimizer.zero_grad()
    return passes + updates


def fitting(size: int, *, tried: int, seconds: float, budget: float) -> int:
    """The rows of a batch to be measured: ``size``, halved until :data:`_ROOM` of them fit into the budget.

    Args:
        size: rows of a batch in the run.
        tried: rows of a batch that was timed; never fewer are measured.
        seconds: what that batch took.
        budget: seconds.
    """
    while size > tried and _ROOM * size * seconds > budget * tried:
        size = max(size // 2, tried)
    return size


def _per_token(
    run: Callable[[dict[str, Tensor]], None], rows: Rows, size: int, budget: float, device: torch.device
) -> float:
    """Seconds a token, padding included, over batches of all lengths.

    Of several rounds the fastest counts: other work on the machine slows single batches tenfold, and nothing hastens one.
    """
    begun = time.perf_counter()
    seconds: dict[float, list[float]] = defaultdict(list)
    tokens: dict[float, int] = {}
    tried = min(_TRIED, size)
    for _ in range(2):  # the first is slower: memory is claimed, kernels are chosen
        trial = _seconds(partial(run, rows.batch(max(_PLACES), tried)), device)
    measured = fitting(size, tried=tried, seconds=trial, budget=budget)
    if measured > tried:
        run(rows.batch(max(_PLACES), measured))  # claims memory for its size
    for place in _PLACES * _ROUNDS:
        batch = rows.batch(place, measured)
        seconds[place].append(_seconds(partial(run, batch), device))
        tokens[place] = batch[IDS].numel()
        if len(tokens) >= _FEWEST and time.perf_counter() - begun + seconds[place][-1] > budget:
            break
    return sum(min(each) for each in seconds.values()) / sum(tokens.values())


def _seconds(run: Callable[[], None], device: torch.device) -> float:
    _wait(device)
    before = time.perf_counter()
    run()
    _wait(device)
    return time.perf_counter() - before


def _wait(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize(device)


def _activations(model: PreTrainedModel, rows: Rows, size: int) -> int:
    """Bytes that a forward pass over the longest rows keeps for its backward pass, for a batch of ``size``."""
    own = {weight.untyped_storage().data_ptr() for weight in model.parameters()}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    few = min(_LONGEST, size)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        logits = logits_of(model, rows.batch(1.0, few))
    del logits
    return sum(kept.values()) * size // few


def busy() -> tuple[float, int] | None:
    """Load and processors, where other work wants more than a quarter of the machine; else, or if not known, None."""
    loadavg, processors = Path("/proc/loadavg"), os.cpu_count() or 1
    load = float(loadavg.read_text().split()[0]) if loadavg.exists() else 0.0
    return (load, processors) if load > processors * _BUSY else None


def resident() -> int:
    """Bytes of memory this process holds now."""
    statm = Path("/proc/self/statm")
    return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") if statm.exists() else _UNKNOWN


def available(device: torch.device) -> int | None:
    """Bytes of memory that are free where the models will be; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0]) + torch.cuda.memory_reserved(device)
    meminfo = Path("/proc/meminfo")
    lines = meminfo.read_text().splitlines() if meminfo.exists() else []
    free = [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable")]
    return free[0] + resident() if free else None
