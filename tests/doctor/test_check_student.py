import torch

from alambique.findings import Finding

ADVICE = (
    "Call student.requires_grad_(True); look for detach() or no_grad in its forward, and for weights that are all zero."
)
LAYER = "distilbert.transformer.layer.0"


def freeze(module):
    module.requires_grad_(False)  # noqa: FBT003 - torch's


def test_a_frozen_student(healthy):
    case = healthy()
    freeze(case.student)
    total = len(list(case.student.parameters()))
    assert case.findings() == [
        Finding(
            "student-cannot-move", "student",
            f"No layer of the student gets a gradient. Of {total} parameters (distilbert.embeddings.word_embeddings.weight, "
            "distilbert.embeddings.position_embeddings.weight, distilbert.embeddings.LayerNorm.weight, …) "
            f"{total} have requires_grad=False.",
            ADVICE, total,
        )
    ]  # fmt: skip


def test_a_frozen_layer(healthy):
    case = healthy()
    freeze(case.student.distilbert.transformer.layer[0])
    # weight and bias of the queries, keys, values and outputs, of two norms and of two linear layers
    assert case.finding("student-cannot-move") == Finding(
        "student-cannot-move", f"student.{LAYER}",
        f"Layers that get no gradient: {LAYER}. Of 16 parameters ({LAYER}.attention.q_lin.weight, "
        f"{LAYER}.attention.q_lin.bias, {LAYER}.attention.k_lin.weight, …) 16 have requires_grad=False.",
        ADVICE, 16,
    )  # fmt: skip


def test_a_layer_that_passes_nothing_on(healthy):
    case = healthy()
    norm = case.student.distilbert.transformer.layer[0].output_layer_norm
    for weight in norm.parameters():
        torch.nn.init.zeros_(weight)
    freeze(norm)
    finding = case.finding("student-cannot-move")
    assert case.codes() == {"student-cannot-move"}
    assert finding.where == f"student.distilbert.embeddings, student.{LAYER}, student.pre_classifier"
    assert finding.message.endswith(" 2 have requires_grad=False.")


def test_a_forward_pass_without_gradients(healthy):
    case = healthy()
    case.student.forward = torch.no_grad()(case.student.forward)
    assert case.codes() == {"student-cannot-move"}
    assert case.finding("student-cannot-move").message.endswith(" none has a gradient other than zero.")


def test_a_head_that_begins_at_zero_moves_in_its_second_step(healthy, tiny_bert):
    case = healthy()
    case.student = tiny_bert(layers=1)
    torch.nn.init.zeros_(case.student.classifier.weight)
    assert case.findings() == []


def test_logits_that_are_not_finite(healthy):
    case = healthy()
    with torch.no_grad():
        case.student.classifier.bias[0] = float("nan")
    assert case.findings() == [
        Finding(
            "student-nan", "student", "The student's logits are NaN or infinite.",
            "Its weights are broken: build or load it again, in float32.",
        )
    ]  # fmt: skip


def test_gradients_that_are_not_finite(healthy):
    case = healthy()
    # adds 0, whose gradient is 0 · ∞
    case.student.classifier.register_forward_hook(lambda module, args, logits: logits + (logits - logits).abs().sqrt())
    total = len(list(case.student.parameters()))
    assert case.findings() == [
        Finding(
            "student-nan", "student",
            f"{total} gradients of the student are NaN or infinite, such as that of "
            "distilbert.embeddings.word_embeddings.weight.",
            "Its weights are broken: build or load it again, in float32.",
        )
    ]  # fmt: skip
