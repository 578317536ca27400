"""Some trainings, in the processes of torchrun or in a single one; the first process stores what they came to.

torchrun --nproc-per-node 2 tests/training/group_trainings.py OUT [NAME…]
"""

import sys
from pathlib import Path

import numpy as np
import torch
from transformers import DistilBertConfig, DistilBertForSequenceClassification

sys.path.insert(0, str(Path(__file__).parents[1]))

from trainings import split, train_in

from alambique.artefacts.tokens import tokenize_rows
from alambique.distributed.group import in_group
from alambique.losses.features import FEATURES
from alambique.models.labels import label_config
from alambique.models.tokenizer import save_tokenizer, train_wordpiece
from alambique.recipe.distillation import Distillation
from alambique.recipe.sections import Compute, Training
from alambique.run.manifest import Artefact
from alambique.training.feature_source import FeatureSource
from alambique.training.rows import View
from conftest import LABELS, rows

ROWS = 60  # of train; 59 per batch leave a step with a single row, which one process alone can have
CHANCE = np.random.default_rng(0)
LOGITS = CHANCE.normal(size=(ROWS, len(LABELS))).astype(np.float32)
VIEW_LOGITS = CHANCE.normal(size=(ROWS, len(LABELS))).astype(np.float32)
WEIGHTS = CHANCE.random(ROWS).astype(np.float32)


def settings(**changed):
    return Training(**{"epochs": 2, "batch_size": 16, "learning_rate": 5e-3} | changed)


def cases(tokenizer, folder):
    """Options of trainings, by name."""
    distilled = {"distillation": Distillation(), "teacher_logits": LOGITS}
    seen = tokenize_rows(tokenizer, split("train", ROWS, 3).segments(), max_length=24)
    tokens = {"train": tokenize_rows(tokenizer, split("train", ROWS, 1).segments(), max_length=24)}
    source = FeatureSource({0: 0, 1: 1}, Artefact(folder / "teacher", "", 0.0), tokens, None)
    features = Distillation(features=FEATURES["hidden"](), features_first=1)
    return {
        "hard labels": {},
        "hard labels, plain": {"compute": Compute(speedups=False)},
        "soft labels": distilled,
        "a row too few": {**distilled, "settings": settings(batch_size=59)},
        "fewer rows than processes": {**distilled, "settings": settings(batch_size=1, epochs=1)},
        "accumulated": {**distilled, "settings": settings(batch_size=8, gradient_accumulation=2)},
        "a batch compared": {"distillation": Distillation(loss="dist"), "teacher_logits": LOGITS},
        "a batch compared, a row too few": {
            "distillation": Distillation(loss="dist"), "teacher_logits": LOGITS, "settings": settings(batch_size=59),
        },
        "weighed": {**distilled, "hard_label_weights": WEIGHTS},
        "views": {**distilled, "views": (View(seen, VIEW_LOGITS),)},
        "features": {"distillation": features, "teacher_logits": LOGITS, "features": source},
    }  # fmt: skip


def model_of(tokenizer, seed=2):
    torch.manual_seed(seed)
    return DistilBertForSequenceClassification(DistilBertConfig(
        vocab_size=len(tokenizer), dim=16, hidden_dim=32, n_layers=2, n_heads=2, dropout=0.0, attention_dropout=0.0,
        max_position_embeddings=64, seq_classif_dropout=0.0, **label_config(LABELS),
    ))  # fmt: skip


def train_all(folder, names):
    tokenizer = train_wordpiece([row["text"] for row in rows(300, 5)], vocabulary=300)
    model_of(tokenizer, seed=3).save_pretrained(folder / "teacher")
    save_tokenizer(tokenizer, folder / "teacher")
    every = cases(tokenizer, folder)
    for name in names or every:
        options = every[name]
        train_in(folder / name, model_of(tokenizer), tokenizer, **{"settings": settings()} | options)
    return "all trained"


if __name__ == "__main__":
    out, chosen = Path(sys.argv[1]), sys.argv[2:]
    assert in_group(lambda: train_all(out, chosen)) == "all trained"  # the first process's result, in all
