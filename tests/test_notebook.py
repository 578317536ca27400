"""The notebook runs from top to bottom, offline, and is stored without outputs."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "notebooks" / "destilacao_liar.ipynb"
CELLS = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
CLASSIC_ORDER = [
    "Carregar os modelos",
    "Carregar o tokenizer",
    "Carregar o dataset",
    "Pré-processamento",
    "A loss de destilação",
    "Mudar o Trainer",
    "Treino",
    "Avaliação",
]


def cells(kind):
    return [cell for cell in CELLS if cell["cell_type"] == kind]


def source(cell):
    return "".join(cell["source"])


@pytest.mark.slow
def test_it_runs_and_compares_the_models(tmp_path):
    script = tmp_path / "notebook.py"
    script.write_text("\n\n".join(map(source, cells("code"))), "utf-8")
    environment = os.environ | {
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "1",
        "MPLBACKEND": "Agg",
        "OMP_NUM_THREADS": "1",
        "PYTHONIOENCODING": "utf-8",
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script)],
        cwd=tmp_path, env=environment, check=False, capture_output=True, encoding="utf-8", timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    first, last = re.search(r"loss do aluno: de ([\d.]+) a ([\d.]+)", done.stdout).groups()
    assert float(last) < 0.8 * float(first)
    teachers, majority = re.search(r"professor ([\d.]+)%, classe mais frequente ([\d.]+)%", done.stdout).groups()
    assert float(teachers) > float(majority)
    table = re.findall(r"^(teacher|student|undistilled) +[\d,]+((?: +[\d.]+%){3})$", done.stdout, re.MULTILINE)
    assert [name for name, _ in table] == ["teacher", "student", "undistilled"]
    agreement = {name: float(figures.split()[-1].rstrip("%")) for name, figures in table}
    assert agreement["teacher"] == 100.0
    assert agreement["student"] > agreement["undistilled"]  # it did learn from the teacher
    assert re.search(r"A destilação ajudou\? (sim|não|não ficou demonstrado)\.\n$", done.stdout)


def test_it_stores_no_outputs():
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in cells("code"))


def test_its_sections_come_in_the_classic_order():
    text = "\n".join(map(source, cells("markdown")))
    assert re.findall(r"^## \d+\. (.+)$", text, re.MULTILINE) == CLASSIC_ORDER
    assert len(re.findall(r"^## ", text, re.MULTILINE)) == len(CLASSIC_ORDER)


def test_its_first_code_cell_has_the_parameters():
    first = cells("code")[0]
    assert first["metadata"]["tags"] == ["parameters"]
    assert 'RECEITA = "quickstart"' in source(first)
    assert '"liar"' in source(first)
    assert '"liar-small"' in source(first)


def test_it_explains_softmax_and_divergence_with_a_picture_each():
    after = {}
    heading = ""
    for cell in CELLS:
        found = re.findall(r"^#{2,3} (.+)$", source(cell), re.MULTILINE) if cell["cell_type"] == "markdown" else []
        heading = found[-1] if found else heading
        if cell["cell_type"] == "code" and "plt.show()" in source(cell):
            after[heading] = source(cell)
    assert {"Softmax e temperatura", "Divergência KL"} <= set(after)
