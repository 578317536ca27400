"""A healthy set-up, trained once for all tests of this folder."""

import copy

import numpy as np
import pytest
import torch
from setups import Case, make_splits
from transformers import DataCollatorWithPadding

from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.tokens import tokenize_rows
from alambique.inference.torch_model import predict_logits
from alambique.models.inputs import ModelInputs
from conftest import LABELS

_trained = {}


def train(model, tokenizer, split, steps=60):
    tokens = tokenize_rows(tokenizer, split.segments(), max_length=32)
    batch = ModelInputs.of(model).tensors(tokens, np.arange(len(split)))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        model(**batch, labels=torch.tensor(split.labels)).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


@pytest.fixture
def healthy(tiny_bert, tiny_distilbert, tokenizer):
    """Build a set-up without findings: a trained teacher, its soft labels, a student and a padding collator."""

    def build(*, pairs=False):
        splits = make_splits(pairs=pairs)
        teacher = tiny_bert(dropout=0.1)
        if pairs not in _trained:
            _trained[pairs] = train(copy.deepcopy(teacher), tokenizer, splits.train).state_dict()
        teacher.load_state_dict(_trained[pairs])
        own = copy.deepcopy(tokenizer)
        own.model_max_length = 32
        logits = predict_logits(teacher, tokenizer, splits.train.segments(), max_length=32)
        soft = SoftLabels(splits.train.ids, logits, LABELS, {})
        return Case(teacher, tiny_distilbert(dropout=0.1), splits, soft, DataCollatorWithPadding(own))

    return build
