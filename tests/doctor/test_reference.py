"""Every code is declared once, beside its check, has a line on the page, and is tested in its module's test file."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import alambique.doctor
from alambique.doctor.examine import MODULES
from alambique.doctor.reference import COMMAND, LINT, declared, page
from alambique.export.trial import NOT_EXPORTED
from alambique.models.tokenizer import NO_TOKENIZER_JSON
from alambique.models.trial import CANNOT_RUN, OTHER_HEAD, VOCABULARY

ROOT = Path(__file__).parents[2]
DOCTOR = Path(alambique.doctor.__file__).parent
ADVICE = "write it again: python -m alambique.doctor.reference > docs/findings.md"


def name_of(module):
    return module.__name__.rpartition(".")[2]


def literals(path, function):
    """The texts that a file gives as the first argument to a function."""
    return [
        call.args[0].value
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == function
        and call.args and isinstance(call.args[0], ast.Constant)
    ]  # fmt: skip


def test_the_page_is_the_generated_one():
    done = subprocess.run(
        [sys.executable, "-m", "alambique.doctor.reference"], capture_output=True, check=True, encoding="utf-8"
    )
    assert (ROOT / "docs" / "findings.md").read_text("utf-8") == done.stdout, ADVICE


def test_every_check_module_is_examined():
    assert sorted(map(name_of, MODULES)) == sorted(path.stem for path in DOCTOR.glob("check_*.py"))


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_every_finding_has_a_declared_code(module):
    path = DOCTOR / f"{name_of(module)}.py"
    assert literals(path, "Finding") == []
    assert [code.name for code in declared(module)] == literals(path, "Code") != []


@pytest.mark.parametrize("module", MODULES, ids=name_of)
def test_every_code_is_asserted_by_the_tests_of_its_module(module):
    tree = ast.parse((ROOT / "tests" / "doctor" / f"test_{name_of(module)}.py").read_text("utf-8"))
    tests = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")]
    named = {
        each.value for test in tests for each in ast.walk(test)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }  # fmt: skip
    assert {code.name for code in declared(module)} - named == set()


def test_codes_are_unique_and_each_has_a_line():
    names = re.findall(r"^\| `([a-z0-9-]+)` \|", page(), re.MULTILINE)
    codes = [code.name for module in MODULES for code in declared(module)]
    assert names == [*codes, *LINT, *COMMAND]
    assert len(names) == len(set(names))
    assert ("| `pads-as-text` | the attention mask is 1 over padding, or absent | Pass on the tokenizer's attention_mask, 0 "
            "over padding, as DataCollatorWithPadding does. |") in page()  # fmt: skip


def test_the_codes_of_the_lint_and_of_the_command_are_theirs():
    data = ROOT / "src" / "alambique" / "data"
    lint, sets = data / "lint.py", data / "lint_label_sets.py"
    assert {*literals(lint, "Finding"), *literals(lint, "_finding"), *literals(sets, "Finding")} == set(LINT)
    checks = {code.name for module in MODULES for code in declared(module)}
    of_models = {VOCABULARY, CANNOT_RUN, OTHER_HEAD, NO_TOKENIZER_JSON, NOT_EXPORTED}
    assert {*literals(DOCTOR / "diagnose.py", "Finding"), *of_models} - checks == set(COMMAND)


def test_the_pages_example_runs(healthy):
    (example,) = re.findall(r"```python\n(.+?)```", (ROOT / "docs" / "doctor.md").read_text("utf-8"), re.DOTALL)
    names = vars(healthy())
    exec(example, names)  # noqa: S102 - ours
    assert names["findings"] == []
