import json
import re
import subprocess
import sys
from pathlib import Path

DOCUMENT = Path(__file__).parents[2] / "docs" / "export.md"


def test_the_code_that_needs_only_onnxruntime_runs_and_agrees_with_predict(run, exported):
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    code += "\nimport sys\nprint([m for m in ('torch', 'transformers', 'alambique') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=exported[0], capture_output=True, encoding="utf-8", check=True
    )
    *lines, loaded = done.stdout.splitlines()
    assert loaded == "[]"
    status, out, _ = run(
        "predict", exported[0], "a text to classify", "another one", "--json", "--calibrated", "--model", "int8"
    )
    answers = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert lines == [f"{a['label']} {round(a['probability'], 4)}" for a in answers]


def test_every_file_and_key_is_told_of(exported):
    text = DOCUMENT.read_text("utf-8")
    folder, recipe, _ = exported
    for path in (folder / "onnx").iterdir():
        assert f"`{path.name}`" in text
    for key in recipe.export.model_dump():
        assert f"`{key}`" in text or f"`export.{key}`" in text
