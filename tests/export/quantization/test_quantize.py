import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import TensorProto, helper, numpy_helper

from alambique.export.quantization.graph import embedding_lookups, in_order, linear_layers
from alambique.export.quantization.quantize import Scheme, quantize
from alambique.export.quantization.ranges import Range

WIDTH, TOKENS = 8, 30
RANDOM = np.random.default_rng(0)
TABLE = RANDOM.normal(size=(TOKENS, WIDTH)).astype(np.float32)
WEIGHT = RANDOM.normal(size=(WIDTH, 5)).astype(np.float32)
BIAS = RANDOM.normal(size=5).astype(np.float32)
HEAD = RANDOM.normal(size=(3, 5)).astype(np.float32)
IDS = np.arange(6).reshape(2, 3)


@pytest.fixture
def model():
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
    opsets = [helper.make_opsetid("", 18), helper.make_opsetid("com.microsoft", 1)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def answer(model):
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"ids": IDS})[0]


def constants(model):
    return {one.name: numpy_helper.to_array(one) for one in model.graph.initializer}


EXACT = (TABLE[IDS] @ WEIGHT + BIAS).mean(1) @ HEAD.T
RANGES = {"rows": Range(float(TABLE.min()), float(TABLE.max()))}


def test_the_linear_layers_are_found_with_their_bias_and_the_last_is_not_one(model):
    (layer,) = linear_layers(model.graph)
    assert (layer.node, layer.reads, layer.bias, layer.gives) == ("layer", "rows", "bias", "hidden")
    assert np.array_equal(layer.weight, WEIGHT)
    ((node, table),) = embedding_lookups(model.graph)
    assert node.name == "lookup"
    assert np.array_equal(table, TABLE)


@pytest.mark.parametrize(
    ("scheme", "kind"), [(Scheme(), np.int8), (Scheme(weight_bits=8), np.uint8), (Scheme("dynamic"), np.int8)]
)
def test_a_quantised_graph_is_near_the_exact_one(model, scheme, kind):
    before = model.SerializeToString()
    made = quantize(model, scheme, RANGES, frozenset())
    assert model.SerializeToString() == before
    onnx.checker.check_model(made)
    # half a step of each of 8 inputs and weights; a wrong scale or zero point is off by more than one
    np.testing.assert_allclose(answer(made), EXACT, atol=0.15)
    stored = constants(made)
    assert {"table", "weight"}.isdisjoint(stored)
    assert stored["layer_weight"].dtype == kind
    assert stored["table_i8"].dtype == np.int8


def test_seven_bits_can_not_overflow_a_sum_of_two_products(model):
    stored = constants(quantize(model, Scheme(), RANGES, frozenset()))
    numbers = stored["layer_weight"].astype(int)
    assert np.abs(numbers).max(0).tolist() == [64] * 5  # every column uses its whole scale
    assert 255 * 64 * 2 < 2**15
    np.testing.assert_allclose(numbers * stored["layer_weight_scale"], WEIGHT, atol=np.abs(WEIGHT).max() / 128 + 1e-6)


def test_calibrated_ranges_do_not_depend_on_the_batch_and_dynamic_ones_do(model):
    def alone_and_together(scheme):
        made = quantize(model, scheme, RANGES, frozenset())
        session = ort.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
        return session.run(None, {"ids": IDS[:1]})[0][0], session.run(None, {"ids": IDS})[0][0]

    alone, together = alone_and_together(Scheme())
    assert np.array_equal(alone, together)
    alone, together = alone_and_together(Scheme("dynamic"))
    assert not np.array_equal(alone, together)


def test_what_is_left_out_stays_exact_and_tables_may_have_16_bits(model):
    made = quantize(model, Scheme(embedding_bits=16), RANGES, frozenset({"layer"}))
    stored = constants(made)
    assert np.array_equal(stored["weight"], WEIGHT)
    assert np.array_equal(stored["table_f16"], TABLE.astype(np.float16))
    expected = (TABLE.astype(np.float16).astype(np.float32)[IDS] @ WEIGHT + BIAS).mean(1) @ HEAD.T
    np.testing.assert_allclose(answer(made), expected, atol=1e-5)


def test_rows_of_a_table_keep_a_scale_each(model):
    stored = constants(quantize(model, Scheme(), RANGES, frozenset()))
    assert np.abs(stored["table_i8"].astype(int)).max(1).tolist() == [127] * TOKENS
    np.testing.assert_allclose(stored["table_i8"] * stored["table_scale"], TABLE, atol=np.abs(TABLE).max() / 254 + 1e-6)


def test_nodes_are_put_in_order_and_what_none_reads_is_dropped(model):
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(reversed(nodes))
    model.graph.initializer.append(numpy_helper.from_array(np.zeros(3), "unread"))
    in_order(model)
    assert [node.name for node in model.graph.node] == ["lookup", "layer", "add", "pool", "last"]
    assert "unread" not in constants(model)
    np.testing.assert_allclose(answer(model), EXACT, atol=1e-5)
