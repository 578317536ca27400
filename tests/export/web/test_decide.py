"""The decision of the exported page, run by node: the same as that of Python."""

import json
import shutil
import subprocess

import numpy as np
import pytest

from alambique.evaluation.multi_label import MULTI_LABEL
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.frontend import read
from alambique.inference.classifier import Classifier

NAMES = ("zero", "one", "two")
LOGITS = np.random.default_rng(0).normal(size=(40, 3)) * 2
NODE = shutil.which("node")

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


@pytest.mark.parametrize(
    ("task", "thresholds"),
    [
        (SINGLE_LABEL, None),
        (SINGLE_LABEL, {"one": 0.25}),
        (MULTI_LABEL, {"zero": 0.5, "one": 0.15, "two": 0.85}),
    ],
)
def test_answers_are_those_of_python(tmp_path, task, thresholds):
    (tmp_path / "decide.mjs").write_bytes(read("decide.js"))
    facts = {"label_names": NAMES, **task.key()} | ({} if thresholds is None else {"thresholds": thresholds})
    script = (
        f"import {{ decide }} from {json.dumps(str(tmp_path / 'decide.mjs'))};\n"
        f"const facts = {json.dumps(facts)};\n"
        f"console.log(JSON.stringify({json.dumps(LOGITS.tolist())}.map((values) => decide(values, facts))));"
    )
    done = subprocess.run([NODE, "--input-type=module", "-e", script], capture_output=True, check=True, text=True)
    cuts = None if thresholds is None else np.array([thresholds.get(name, np.nan) for name in NAMES])
    ours = Classifier("int8", NAMES, False, 24, len, lambda: 1.0, task, "", lambda: cuts)  # noqa: FBT003
    for theirs, answer in zip(json.loads(done.stdout), ours.answers(LOGITS), strict=True):
        assert theirs.pop("scores") == pytest.approx(answer.pop("scores"), abs=1e-6)
        assert theirs.pop("probability", 0) == pytest.approx(answer.pop("probability", 0), abs=1e-6)
        assert theirs == answer
