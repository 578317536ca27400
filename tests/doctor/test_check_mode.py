from itertools import count

from alambique.doctor.check_mode import check
from alambique.findings import Finding

TRAIN = "Call teacher.eval() before it labels anything; Trainer.train() leaves a model in train mode."


def test_a_teacher_left_in_train_mode(healthy):
    case = healthy()
    case.teacher.train()
    assert case.codes() == {"teacher-in-train-mode"}
    assert "; two passes over the same rows differ by up to " in case.finding("teacher-in-train-mode").message
    assert all(module.training for module in case.teacher.modules())
    case.teacher.eval()
    case.teacher.bert.encoder.layer[0].train()  # a part is enough
    assert case.codes() == {"teacher-in-train-mode"}


def test_a_single_module_in_train_mode(healthy, tiny_bert):
    case = healthy()
    case.teacher = tiny_bert(layers=1)  # without dropout
    case.teacher.dropout.train()
    total = len(list(case.teacher.modules()))
    assert check(case.setup()) == [
        Finding(
            "teacher-in-train-mode", "teacher",
            f"The teacher is in train mode (1 of its {total} modules, such as dropout), so dropout is at work.", TRAIN,
        )
    ]  # fmt: skip


def test_a_teacher_that_is_not_deterministic(healthy):
    case = healthy()
    calls = count()
    case.teacher.classifier.register_forward_hook(lambda module, inputs, logits: logits + 2.0 ** next(calls))
    assert check(case.setup()) == [  # the first pass adds 1, the second 2
        Finding(
            "teacher-not-deterministic", "teacher",
            "The teacher is in eval mode, but two passes over the same rows differ by up to 1.",
            "Something in it is random or keeps state: look for functional dropout and running statistics.",
        )
    ]  # fmt: skip
