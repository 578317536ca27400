"""Compare the quality of models that were trained with their rows in different orders.

    python benchmarks/order.py [--start scratch packaged] [--rows 300 900 3000] [--seeds 12] [--orders ours uniform pools]
        [--out FILE]
    python benchmarks/order.py --full

The data are made here so that length tells the class, where an order by length does harm: six classes, words per text
lognormal(1.6 + 0.35 · class, 0.35), some of them words of the class. Each model is trained on the same rows, from the same
weights, three times:

- `ours`: as a run trains: rows of each step drawn uniformly, sorted by length inside it, only real tokens computed;
- `uniform`: the same shuffles, each batch padded to its longest row, by the model's own code (`compute.speedups: false`);
- `pools`: as version 0.1.0 trained: pools of 50 batches sorted by length and cut into batches.

The figure is the best macro-F1 on valid over the epochs. Differences are paired by seed (of data, weights, order and
dropout), with their 95 % interval by Student's t. The last line of the output is one JSON object. `--full` has all starts
and sizes. `--independent` gives `uniform` shuffles of its own, so that the difference has the noise of two trainings. With
`--out`, each result is a line of that file, and the same command goes on where it was stopped.
"""

import argparse
import contextlib
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from common import SEED, arguments, encoder, pooled_order
from scipy import stats
from torch.utils.data import Sampler
from transformers import (
    BertForSequenceClassification,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)
from transformers.trainer_utils import SaveStrategy

from alambique.artefacts.splits import Split
from alambique.artefacts.tokens import tokenize_rows
from alambique.models.from_teacher import student_from_teacher
from alambique.models.labels import label_config
from alambique.models.tokenizer import load_tokenizer
from alambique.progress import Step, quiet_libraries
from alambique.recipe.made_models import FromTeacher
from alambique.recipe.sections import Compute, Training
from alambique.training.prepare import prepare
from alambique.training.rows import TrainingRows

LABELS = tuple("abcdef")
ORDERS = ("ours", "uniform", "pools")
STARTS = ("scratch", "packaged")
VALID = 400
WORDS, OWN, SHARE = 600, 20, 0.2  # words of all classes, of each, and how many of a text are of its class
SETTINGS = {
    "scratch": Training(epochs=15, batch_size=32, learning_rate=2e-3),
    "packaged": Training(epochs=4, batch_size=32, learning_rate=2e-4),
}


class Result(NamedTuple):
    """What one training reached, and the seconds it took."""

    macro_f1: float
    seconds: float


class InOrder(Sampler[int]):
    """Rows of each epoch in an order that is made elsewhere."""

    def __init__(self, lengths: np.ndarray, batch_size: int, seed: int, *, pools: bool) -> None:
        """Args: (rows,) the length of each; rows per batch; of the order; whether by pools or uniformly."""
        self.lengths, self.batch_size, self.seed, self.pools, self.epoch = lengths, batch_size, seed, pools, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by Trainer before each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.lengths)

    def __iter__(self) -> Iterator[int]:
        """The rows of this epoch."""
        if self.pools:
            order = pooled_order(self.lengths, self.batch_size, seed=self.seed, epoch=self.epoch)
        else:
            order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self.lengths))
        return iter(order.tolist())


def main() -> None:
    """Train all models and print the results."""
    parser = arguments(__doc__, data=False)
    parser.add_argument("--start", nargs="+", choices=STARTS)
    parser.add_argument("--rows", nargs="+", type=int)
    parser.add_argument("--orders", nargs="+", choices=ORDERS)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--independent", action="store_true", help="uniform order with shuffles of its own")
    parser.add_argument("--out", type=Path, help="a file of results, made or continued")
    options = parser.parse_args()
    with quiet_libraries():
        tokenizer = load_tokenizer(encoder(), key="teacher.model")
    cases = [
        compare(options, tokenizer, start, rows)
        for start in options.start or (STARTS if options.full else STARTS[:1])
        for rows in options.rows or ((300, 900, 3000) if options.full else (300, 900))
    ]
    print(json.dumps({"benchmark": "order", "torch": torch.__version__, "cases": cases}))


def compare(options: argparse.Namespace, tokenizer: PreTrainedTokenizerBase, start: str, rows: int) -> dict[str, Any]:
    """Train with one start and number of rows: every seed in every order."""
    orders = options.orders or ORDERS
    reached: dict[str, list[Result]] = {order: [] for order in orders}
    for seed in range(options.seeds):
        train, valid = make_split("train", rows, seed), make_split("valid", VALID, seed + 10_000)
        for order in orders:
            shuffle = seed + (1_000_000 if options.independent and order == "uniform" else 0)
            key = [start, rows, seed, order, shuffle, torch.__version__, repr(SETTINGS[start])]
            result = read_result(options.out, key)
            if result is None:
                result = train_once(start, tokenizer, train, valid, order=order, seed=seed, shuffle=shuffle)
                store_result(options.out, key, result)
            reached[order].append(result)
        shown = ", ".join(f"{order} {results[-1].macro_f1:.3f}" for order, results in reached.items())
        print(f"{start}, {rows} rows, seed {seed}: {shown}", file=sys.stderr, flush=True)
    scores = {order: [result.macro_f1 for result in results] for order, results in reached.items()}
    case: dict[str, Any] = {
        "start": start, "rows": rows, "seeds": options.seeds, "independent": options.independent,
        "macro_f1": {order: [round(score, 4) for score in each] for order, each in scores.items()},
        "mean": {order: round(statistics.mean(each), 4) for order, each in scores.items()},
        "seconds": {order: round(statistics.median(r.seconds for r in each), 2) for order, each in reached.items()},
    }  # fmt: skip
    if "uniform" in orders:
        case["against_uniform"] = {
            order: difference(scores[order], scores["uniform"]) for order in orders if order != "uniform"
        }
    shown = ", ".join(f"{order} {mean:.3f}" for order, mean in case["mean"].items())
    gaps = [
        f"{order} − uniform {gap['mean']:+.3f} [{gap['low']:+.3f}, {gap['high']:+.3f}]"
        for order, gap in case.get("against_uniform", {}).items()
    ]
    print(f"{start}, {rows} rows, {options.seeds} seeds: {'; '.join([shown, *gaps])}", flush=True)
    return case


def read_result(file: Path | None, key: list[Any]) -> Result | None:
    """What a training with this key reached, if it is stored; the line of a write that was cut off counts as none."""
    if file is None or not file.exists():
        return None
    for line in file.read_text("utf-8").splitlines():
        with contextlib.suppress(json.JSONDecodeError):
            stored = json.loads(line)
            if stored["key"] == key:
                return Result(stored["macro_f1"], stored["seconds"])
    return None


def store_result(file: Path | None, key: list[Any], result: Result) -> None:
    """Add a line to the file of results."""
    if file is not None:
        with file.open("a", encoding="utf-8") as lines:
            lines.write("\n" + json.dumps({"key": key, **result._asdict()}))


def difference(first: Sequence[float], second: Sequence[float]) -> dict[str, float]:
    """Mean of the paired differences with its 95 % interval."""
    values = np.subtract(first, second)
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.inf
    return {
        name: round(float(values.mean() + side * half), 4) for name, side in (("mean", 0), ("low", -1), ("high", 1))
    }


def make_split(name: str, rows: int, seed: int) -> Split:
    """Texts of six classes whose lengths, and some of whose words, depend on the class."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.arange(rows) % len(LABELS))
    lengths = np.exp(random.normal(1.6 + 0.35 * labels, 0.35)).round().clip(2, 120).astype(int)
    vocabulary = words()
    texts = []
    for label, length in zip(labels, lengths, strict=True):
        own = random.random(length) < SHARE
        picked = np.where(own, label * OWN + random.integers(OWN, size=length), random.integers(WORDS, size=length))
        texts.append(" ".join(vocabulary[word] for word in picked))
    ids = tuple(f"{name}-{row}" for row in range(rows))
    return Split(name, ids, tuple(texts), None, labels.astype(np.int64))


def words() -> list[str]:
    """Words of the packaged vocabulary that are a token each, in an order of their own; of class c those from 20 c."""
    entries = load_tokenizer(encoder(), key="teacher.model").get_vocab() if not _WORDS else {}
    if entries:
        plain = sorted(word for word in entries if word.isascii() and word.isalpha() and len(word) > 3)  # noqa: PLR2004
        _WORDS.extend(np.random.default_rng(SEED).permutation(plain)[:WORDS].tolist())
    return _WORDS


_WORDS: list[str] = []


def build(start: str, tokenizer: PreTrainedTokenizerBase, seed: int) -> PreTrainedModel:
    """The untrained model: tiny and from scratch, or three layers of the packaged encoder as liar-small's student."""
    torch.manual_seed(seed)
    if start == "scratch":
        config = DistilBertConfig(
            vocab_size=len(tokenizer), dim=64, hidden_dim=128, n_layers=2, n_heads=2, max_position_embeddings=130,
            **label_config(LABELS),
        )  # fmt: skip
        return DistilBertForSequenceClassification(config)
    with quiet_libraries():
        teacher = BertForSequenceClassification.from_pretrained(encoder(), **label_config(LABELS))
    return student_from_teacher(teacher, FromTeacher(architecture="distilbert", layers=3), LABELS, seed=seed)


def train_once(
    start: str, tokenizer: PreTrainedTokenizerBase, train: Split, valid: Split, *, order: str, seed: int,
    shuffle: int,
) -> Result:  # fmt: skip
    """Train one model on hard labels; what it reaches on valid."""
    tokens = {part.name: tokenize_rows(tokenizer, part.segments(), max_length=128) for part in (train, valid)}
    settings = SETTINGS[start]
    torch.manual_seed(seed)
    with tempfile.TemporaryDirectory() as folder, quiet_libraries():
        trainer, _ = prepare(
            build(start, tokenizer, seed), tokenizer, TrainingRows(train, valid, tokens), settings=settings,
            compute=Compute(speedups=order != "uniform"), seed=seed, checkpoints=Path(folder), step=Step(),
        )  # fmt: skip
        trainer.args.save_strategy, trainer.args.load_best_model_at_end = SaveStrategy.NO, False
        if order != "ours":
            sampler = InOrder(tokens["train"].lengths, settings.batch_size, shuffle, pools=order == "pools")
            trainer._get_train_sampler = lambda *_: sampler  # type: ignore[method-assign]  # noqa: SLF001
        begun = time.perf_counter()
        trainer.train()
    history = [entry["eval_macro_f1"] for entry in trainer.state.log_history if "eval_macro_f1" in entry]
    return Result(max(history), time.perf_counter() - begun)


if __name__ == "__main__":
    main()
