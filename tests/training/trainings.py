"""A short training of a tiny student, to be stopped and continued."""

import numpy as np

from alambique.artefacts.splits import Split
from alambique.artefacts.tokens import tokenize_rows
from alambique.progress import Step
from alambique.recipe.sections import Compute, Training
from alambique.training.fit import TrainingRows, fit
from conftest import LABELS, rows

SETTINGS = Training(epochs=3, batch_size=8, learning_rate=5e-3)


def split(name, count, seed):
    records = rows(count, seed)
    ids = tuple(f"{name}-{i}" for i in range(count))
    labels = np.array([LABELS.index(r["label"]) for r in records])
    return Split(name, ids, tuple(r["text"] for r in records), None, labels)


class At(Step):
    """Does something in the place of one step's report."""

    def __init__(self, step, do):
        self.left, self.do = step, do

    def advance(self, count=1):
        self.left -= count
        if self.left == 0:
            self.do()


def train_in(
    work, model, tokenizer, *, step=None, compute=None, settings=SETTINGS, teacher_logits=None, features=None,
    hard_label_weights=None, **options,
):  # fmt: skip
    work.mkdir(exist_ok=True)
    parts = {"train": split("train", 60, 1), "valid": split("valid", 20, 2)}
    tokens = {part: tokenize_rows(tokenizer, rows.segments(), max_length=24) for part, rows in parts.items()}
    made = TrainingRows(
        **parts, tokens=tokens, teacher_logits=teacher_logits, features=features, hard_label_weights=hard_label_weights
    )
    fit(
        model, tokenizer, made, settings=settings,
        compute=compute or Compute(), max_length=24, seed=4, work=work, step=step or Step(), **options,
    )  # fmt: skip
    return work
