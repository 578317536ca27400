import json

import numpy as np
import onnx
import pytest
import torch

from alambique.export.onnx import export_graph
from alambique.inference.onnx_model import OnnxModel
from alambique.inference.torch_model import predict_logits
from alambique.models.inputs import ModelInputs
from conftest import rows

TEXTS = [(row["text"],) for row in rows(13, 9)] + [("lamp",), ("",)]


@pytest.fixture
def exported_model(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)

    def build(model, *, token_types=False):
        inputs = ModelInputs.of_export(model, tokenizer, max_length=24, pairs=token_types)
        export_graph(model, tmp_path / "model.onnx", inputs)
        return OnnxModel(tmp_path / "model.onnx", tmp_path / "tokenizer.json", inputs)

    return build


@pytest.mark.parametrize("architecture", ["tiny_distilbert", pytest.param("tiny_bert", marks=pytest.mark.slow)])
def test_it_gives_the_logits_of_pytorch_at_any_batch_and_length(request, exported_model, tokenizer, architecture):
    model = request.getfixturevalue(architecture)(2, dropout=0.3)
    expected = predict_logits(model, tokenizer, TEXTS, max_length=24)
    loaded = exported_model(model)
    for batch in (1, 4, 32):
        logits = loaded.logits(TEXTS, batch_size=batch)
        np.testing.assert_allclose(logits, expected, atol=1e-5)
        assert logits.dtype == np.float32
    assert loaded.logits([]).shape == (0, 3)


def test_pairs_keep_their_token_types(exported_model, tokenizer, tiny_bert):
    pairs = [("lamp", "table door"), ("garden", ""), ("awful lamp " * 20, "superb door " * 20)]
    model = tiny_bert()
    with torch.no_grad():  # so that types matter
        model.bert.embeddings.token_type_embeddings.weight[1] += 1.0
    expected = predict_logits(model, tokenizer, pairs, max_length=24)
    loaded = exported_model(model, token_types=True)
    assert [one.name for one in loaded.session.get_inputs()] == ["input_ids", "attention_mask", "token_type_ids"]
    np.testing.assert_allclose(loaded.logits(pairs), expected, atol=1e-5)


def test_the_file_is_one_of_standard_operators_and_texts_are_cut(exported_model, tiny_distilbert, tmp_path):
    loaded, done = exported_model(tiny_distilbert(2)), []
    assert sorted(path.name for path in tmp_path.iterdir() if "onnx" in path.name) == ["model.onnx"]
    model = onnx.load(tmp_path / "model.onnx")
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", 18)]
    assert {node.domain for node in model.graph.node} == {""}
    shapes = {
        one.name: [d.dim_param or d.dim_value for d in one.type.tensor_type.shape.dim] for one in model.graph.input
    }
    assert shapes == {"input_ids": ["batch", "sequence"], "attention_mask": ["batch", "sequence"]}
    assert [one.name for one in model.graph.output] == ["logits"]
    content = (tmp_path / "model.onnx").read_bytes()  # it does not say where on this machine it was made
    assert b".py" not in content
    assert b"pkg.torch" not in content
    loaded.logits(TEXTS, batch_size=4, advance=done.append)
    assert done == [4, 4, 4, 3]
    ((places, batch),) = loaded.encode([("lamp " * 60,), ("lamp",)], 8)
    assert places.tolist() == [0, 1]
    assert batch["input_ids"].shape == (2, 24)
    assert batch["attention_mask"].sum(1).tolist() == [24, 3]
    assert json.loads((tmp_path / "tokenizer.json").read_text())["model"]["type"] == "WordPiece"
