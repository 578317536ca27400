"""Whether the teacher gives the same logits each time."""

import torch

from alambique.doctor.batches import logits_of
from alambique.doctor.codes import Code
from alambique.doctor.setup import Setup
from alambique.findings import Finding

TRAIN_MODE = Code(
    "teacher-in-train-mode",
    "the teacher, or a part of it, is in train mode: dropout is at work",
    "Call teacher.eval() before it labels anything; Trainer.train() leaves a model in train mode.",
)
NOT_DETERMINISTIC = Code(
    "teacher-not-deterministic",
    "in eval mode, two passes over the same rows differ",
    "Something in it is random or keeps state: look for functional dropout and running statistics.",
)
_SAME = 1e-5


def check(setup: Setup) -> list[Finding]:
    """Look at the mode of each module, and compare two passes over the same batch."""
    teacher = setup.teacher
    modules = list(teacher.named_modules())
    training = [name or type(teacher).__name__ for name, module in modules if module.training]
    batch = setup.teacher_reader.batch(setup.teacher_rows)
    with torch.no_grad():
        first, second = (logits_of(teacher, batch).float() for _ in range(2))
    off = float((first - second).abs().nan_to_num().max())
    differ = f"two passes over the same rows differ by up to {off:.2g}" if off > _SAME else ""
    if training:
        which = f"{len(training)} of its {len(modules)} modules, such as {training[0]}"
        message = f"The teacher is in train mode ({which}), so dropout is at work"
        return [TRAIN_MODE.finding("teacher", f"{message}; {differ}." if differ else f"{message}.")]
    if differ:
        return [NOT_DETERMINISTIC.finding("teacher", f"The teacher is in eval mode, but {differ}.")]
    return []
