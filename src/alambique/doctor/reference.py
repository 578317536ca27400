"""The page ``docs/findings.md``, made from the declared codes: ``python -m alambique.doctor.reference``."""

import sys
from collections.abc import Sequence
from types import ModuleType

from alambique.doctor.codes import Code
from alambique.doctor.examine import MODULES

HEAD = """\
# Findings of the doctor

<!-- Made from the code by: python -m alambique.doctor.reference > docs/findings.md
     To change a line, change the Code in src/alambique/doctor/check_*.py. -->

`alambique doctor` and `examine` ([doctor.md](doctor.md)) give each finding a code, which scripts may rely on."""
LINT = {
    "look-alike-labels": "labels differ by case, blanks, Unicode form, invisible characters or the form of a number alone",
    "duplicate-texts": "rows repeat a text of the same split; case, blanks and Unicode form do not count",
    "conflicting-labels": "rows have a text that stands in the same split with another label",
    "shared-with-train": "rows of valid or test have a text that train has; case, blanks and Unicode form do not count",
    "empty-texts": "rows have no text",
    "cut-texts": "texts are longer than the length limit and lose their end",
    "absent-classes": "a split has no row of a class",
    "labels-always-together": "labels of which a row has any number stand in the same rows of train",
    "labels-in-one-split": "rows of train alone have a label of which a row has any number",
    "labels-in-every-row": "every row of train has a label of which a row has any number",
    "count-columns": "the model reads columns of LIAR that count the statement itself",
}
COMMAND = {
    "model-cannot-run": "a model fails on short texts, on texts of `data.max_length` tokens, or in a training step; nothing "
    "more is examined",
    "other-head": "a finished teacher was trained for several labels per text or for numbers; nothing more is examined",
    "no-tokenizer-json": "the student's tokenizer is written in Python, so that no ONNX file can be made",
    "not-exported": "the untrained student was exported to ONNX (fp32), and that fails or is not what PyTorch does; a run "
    "trains it all the same, and makes no ONNX file",
    "disk-space": "the run needs more disk than is free",
    "memory": "a stage needs more memory than is free",
    "machine-busy": "other work runs on the machine, so the estimated times are uncertain",
    "idle-gpus": "there are GPUs that training does not use",
}


def page() -> str:
    """Write the whole page: a table of all codes of each module, then those of the lint and of the command."""
    checks = [(f"`{code.name}`", code.meaning, code.advice) for module in MODULES for code in declared(module)]
    parts = [
        HEAD,
        "## Checks",
        _table(("code", "what is wrong", "what to do"), checks),
        "## Data lint",
        "As in `data/lint.json` of a run. Each finding says what to do.",
        _table(("code", "what is wrong"), [(f"`{name}`", meaning) for name, meaning in LINT.items()]),
        "## The command only",
        "Not from `examine`. Each finding says what to do.",
        _table(("code", "what is wrong"), [(f"`{name}`", meaning) for name, meaning in COMMAND.items()]),
    ]
    return "\n\n".join(parts) + "\n"


def declared(module: ModuleType) -> list[Code]:
    """List the codes that a check module declares, in the order of its source."""
    return [value for value in vars(module).values() if isinstance(value, Code)]


def _table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    sys.stdout.buffer.write(page().encode())  # UTF-8, wherever it is written
