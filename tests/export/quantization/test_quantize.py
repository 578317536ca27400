import logging

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from alambique.export.quantization.graph import linear_layers, load_graph
from alambique.export.quantization.quantize import quantize

WIDTH, TOKENS = 8, 30
RANDOM = np.random.default_rng(0)
TABLE = RANDOM.normal(size=(TOKENS, WIDTH)).astype(np.float32) * np.linspace(0.1, 5, TOKENS, dtype=np.float32)[:, None]
WEIGHT = RANDOM.normal(size=(WIDTH, 5)).astype(np.float32)
BIAS = RANDOM.normal(size=5).astype(np.float32)
HEAD = RANDOM.normal(size=(3, 5)).astype(np.float32)
IDS = np.arange(6).reshape(2, 3)
EVERY_TOKEN = [{"ids": np.arange(TOKENS).reshape(10, 3)}]
EXACT = (TABLE[IDS] @ WEIGHT + BIAS).mean(1) @ HEAD.T


@pytest.fixture
def path(tmp_path):
    """An embedding table, a linear layer with bias, a last layer."""
    nodes = [
        helper.make_node("Gather", ["table", "ids"], ["rows"], name="lookup"),
        helper.make_node("MatMul", ["rows", "weight"], ["product"], name="layer"),
        helper.make_node("Add", ["bias", "product"], ["hidden"], name="add"),
        helper.make_node("ReduceMean", ["hidden", "axis"], ["pooled"], name="pool", keepdims=0),
        helper.make_node("Gemm", ["pooled", "head"], ["logits"], name="last", transB=1),
    ]
    constants = {"table": TABLE, "weight": WEIGHT, "bias": BIAS, "head": HEAD, "axis": np.array([1])}
    graph = helper.make_graph(
        nodes, "tiny", [helper.make_tensor_value_info("ids", TensorProto.INT64, ["batch", "sequence"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), tmp_path / "tiny.onnx"
    )
    return tmp_path / "tiny.onnx"


def answer(model, ids=IDS):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"ids": ids})[0]


def constants(model):
    return {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}


def test_the_linear_layers_are_found_and_the_last_is_not_one(path):
    assert linear_layers(load_graph(path)) == ["layer"]


def test_rows_of_a_table_keep_a_scale_each(path):
    model = load_graph(path)
    onnx.checker.check_model(model)
    stored = constants(model)
    assert "table" not in stored
    assert stored["table_i8"].dtype == np.int8
    assert np.abs(stored["table_i8"].astype(int)).max(1).tolist() == [127] * TOKENS
    steps = np.abs(TABLE).max(1, keepdims=True) / 254
    assert (np.abs(stored["table_i8"] * stored["table_steps"] - TABLE) <= steps + 1e-6).all()
    np.testing.assert_allclose(answer(model), EXACT, atol=0.05)


def test_a_large_constant_that_no_linear_layer_reads_has_8_bits_too(tmp_path):
    size = 128
    keys = RANDOM.normal(size=(size, size)).astype(np.float32)
    nodes = [
        helper.make_node("Reshape", ["keys", "shape"], ["heads"], name="view"),
        helper.make_node("MatMul", ["x", "heads"], ["folded"], name="fold"),
        helper.make_node("ReduceSum", ["folded", "axes"], ["logits"], name="sum", keepdims=0),
    ]
    values = {"keys": keys, "shape": np.array([4, size // 4, size]), "axes": np.array([0])}
    graph = helper.make_graph(
        nodes, "heads", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [4, 2, size // 4])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, [2, size])],
        [numpy_helper.from_array(value, name) for name, value in values.items()],
    )  # fmt: skip
    path = tmp_path / "heads.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    model = load_graph(path)
    onnx.checker.check_model(model)
    stored = constants(model)
    assert set(stored) == {"keys_i8", "keys_steps", "shape", "axes"}
    assert np.abs(stored["keys_i8"].astype(int)).max(1).tolist() == [127] * size
    x = RANDOM.normal(size=(4, 2, size // 4)).astype(np.float32)
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    exact = (x @ keys.reshape(4, size // 4, size)).sum(0)
    np.testing.assert_allclose(session.run(None, {"x": x})[0], exact, atol=0.35)
    assert not np.allclose(session.run(None, {"x": x})[0], exact, atol=1e-4)


def test_a_quantised_graph_is_near_the_exact_one(path):
    model = load_graph(path)
    before = model.SerializeToString()
    made = quantize(model, ["layer"], EVERY_TOKEN)
    assert model.SerializeToString() == before
    onnx.checker.check_model(made)
    assert np.abs(TABLE[IDS]).max() < 3
    np.testing.assert_allclose(answer(made), EXACT, atol=0.15)
    assert not np.allclose(answer(made), EXACT, atol=1e-4)


def test_seven_bits_can_not_overflow_a_sum_of_two_products(path):
    stored = constants(quantize(load_graph(path), ["layer"], EVERY_TOKEN))
    assert "weight" not in stored
    numbers = stored["weight_quantized"]
    assert numbers.dtype == np.int8
    assert np.abs(numbers.astype(int)).max(0).tolist() == [64] * 5  # every column uses its whole scale
    assert 255 * 64 * 2 < 2**15
    np.testing.assert_allclose(numbers * stored["weight_scale"], WEIGHT, atol=np.abs(WEIGHT).max() / 128 + 1e-6)


def test_an_answer_does_not_depend_on_the_batch(path):
    made = quantize(load_graph(path), ["layer"], EVERY_TOKEN)
    assert np.array_equal(answer(made, IDS[:1])[0], answer(made, np.vstack([IDS, IDS + 20]))[0])


def test_what_is_left_out_stays_exact(path):
    model = load_graph(path)
    assert np.array_equal(answer(quantize(model, [], EVERY_TOKEN)), answer(model))


def test_the_quantiser_does_not_set_up_the_logging_of_the_process(path, monkeypatch, capfd):
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    quantize(load_graph(path), ["layer"], EVERY_TOKEN)
    assert (root.handlers, capfd.readouterr()) == ([], ("", ""))
