"""A static student run by numpy: what PyTorch computes from the same files, and nothing else imported."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from alambique.inference.static_student import StaticModel, is_static
from alambique.inference.torch_model import predict_logits
from alambique.models.static_config import StaticConfig
from alambique.models.static_model import StaticForSequenceClassification, pack
from alambique.models.tokenizer import for_model, load_tokenizer, save_tokenizer

TEXTS = [("superb lamp",), ("",), ("a",), ("awful door " * 40,), ("x7 something else, entirely: new",), ("lovely",)]


@pytest.fixture
def saved(tokenizer, tmp_path):
    def save(*, whole=False, **config):
        torch.manual_seed(5)
        model = StaticForSequenceClassification(
            StaticConfig(
                **{"vocab_size": len(tokenizer), "hidden_size": 8, "num_labels": 3, "pad_token_id": 0, "buckets": 16}
                | config
            )
        )
        for weight in model.parameters():
            torch.nn.init.normal_(weight)
        (model if whole else pack(model)).eval().save_pretrained(tmp_path)
        save_tokenizer(for_model(tokenizer, model), tmp_path)
        return tmp_path

    return save


@pytest.mark.parametrize(
    "config", [{}, {"whole": True}, {"head_size": 5}, {"n_grams": 3}, {"n_grams": 2, "head_size": 4}]
)
def test_logits_are_those_of_pytorch(saved, config):
    folder = saved(**config)
    model = StaticForSequenceClassification.from_pretrained(folder)
    expected = predict_logits(model, load_tokenizer(folder, key="student"), TEXTS, max_length=20)
    loaded, done = StaticModel(folder, max_length=20), []
    assert np.abs(loaded.logits(TEXTS, advance=done.append) - expected).max() < 1e-4
    assert sum(done) == len(TEXTS)
    alone = np.concatenate([loaded.logits([row]) for row in TEXTS])
    assert np.abs(alone - expected).max() < 1e-4
    assert loaded.logits([]).shape == (0, 3)


def test_rows_beyond_one_part_keep_their_order(saved, monkeypatch):
    loaded = StaticModel(saved(), max_length=20)
    expected = loaded.logits(TEXTS)
    monkeypatch.setattr("alambique.inference.static_student.ROWS", 2)
    assert np.abs(loaded.logits(TEXTS) - expected).max() < 1e-6


def test_pairs_are_one_row(saved):
    folder = saved()
    model, pairs = StaticForSequenceClassification.from_pretrained(folder), [("superb", "lamp"), ("", "a door")]
    expected = predict_logits(model, load_tokenizer(folder, key="student"), pairs, max_length=20)
    assert np.abs(StaticModel(folder, max_length=20).logits(pairs) - expected).max() < 1e-4


def test_which_folders_hold_one(saved, tmp_path):
    folder = saved()
    assert is_static(folder)
    assert not is_static(tmp_path / "none")
    (folder / "config.json").write_text(json.dumps({"model_type": "bert"}))
    assert not is_static(folder)


def test_neither_torch_nor_transformers_is_imported(saved):
    script = (
        "import sys\nfrom pathlib import Path\nfrom alambique.inference.classifier import open_classifier\n"
        "from alambique.inference.static_student import StaticModel\n"
        "print(StaticModel(Path(sys.argv[1]), max_length=20).logits([('superb lamp',)]).shape)\n"
        "heavy = {'torch', 'transformers', 'pyarrow', 'onnxruntime', 'sklearn', 'scipy', 'pydantic', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(saved())], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("(1, 3)\n", "")
