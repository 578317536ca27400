"""Whether training the student would leave the teacher alone."""

from alambique.doctor.codes import Code
from alambique.doctor.setup import Setup
from alambique.findings import Finding

NOT_FROZEN = Code(
    "teacher-not-frozen",
    "the student shares tensors with the teacher, so training moves both",
    "Give the student copies (copy.deepcopy, or load_state_dict), not the teacher's own modules.",
)


def check(setup: Setup) -> list[Finding]:
    """Look for trainable parameters of the student that lie in the teacher's memory."""
    own = {weight.data_ptr() for weight in setup.teacher.parameters()}
    shared = [
        name for name, weight in setup.student.named_parameters() if weight.data_ptr() in own and weight.requires_grad
    ]
    if not shared:
        return []
    message = f"The student shares {len(shared)} tensors with the teacher, such as {shared[0]}: training moves both."
    return [NOT_FROZEN.finding("teacher", message)]
