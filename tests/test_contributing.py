"""What CONTRIBUTING.md, the Makefile, the commit hooks and the workflow say is the same, and is there."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
MAKEFILE = (ROOT / "Makefile").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8"))
HOOKS = [
    hook
    for repository in yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"]
    for hook in repository["hooks"]
]
TARGETS = set(re.findall(r"^([a-z]+):.*##", MAKEFILE, re.MULTILINE))
TEXTS = [
    path
    for folder in ("src", "tests", "docs", "benchmarks", "notebooks", ".github", ".ci")
    for path in (ROOT / folder).rglob("*")
    if path.suffix in {".py", ".md", ".yaml", ".yml", ".jinja", ".js", ".css", ".html", ".ipynb", ""} and path.is_file()
] + [path for path in ROOT.glob("*.*") if path.suffix in {".md", ".toml", ".txt", ".yaml"}]


def recipe_of(target):
    """The commands of a target of the Makefile, without the folder of the virtual environment."""
    (body,) = re.findall(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    return [line.strip().replace("$(BIN)/", "") for line in body.splitlines()]


def test_the_workflow_runs_ci_on_the_versions_that_the_package_names():
    (job,) = WORKFLOW["jobs"].values()
    versions = job["strategy"]["matrix"]["python-version"]
    classifiers = [c.rpartition(" ")[2] for c in PROJECT["project"]["classifiers"] if re.search(r":: 3\.\d+$", c)]
    assert versions == classifiers == ["3.11", "3.12", "3.13"]
    assert PROJECT["project"]["requires-python"] == f">={versions[0]}"
    assert all(f"{version}" in CONTRIBUTING for version in versions)
    assert job["steps"][-1]["run"] == ".ci/run"
    (python,) = [step["with"] for step in job["steps"] if step.get("uses", "").startswith("actions/setup-python@")]
    assert python["python-version"] == "${{ matrix.python-version }}"
    assert all((ROOT / path).is_file() for path in python["cache-dependency-path"].split())


def test_the_workflow_may_read_only_and_ends():
    (job,) = WORKFLOW["jobs"].values()
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert 0 < job["timeout-minutes"] <= 90
    assert job["env"]["PIP_EXTRA_INDEX_URL"] == re.search(r"--extra-index-url (\S+?)`", README)[1]


def test_make_has_the_commands_that_contributing_names():
    assert set(re.findall(r"`make (\w+)`", CONTRIBUTING)) == TARGETS - {"help"}
    assert set(re.search(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)[1].split()) == TARGETS


def test_make_runs_what_the_readme_and_ci_run():
    ci = (ROOT / ".ci" / "run").read_text("utf-8")
    (install,) = [part.strip() for part in README.split("&&") if "-e '.[dev,offline]'" in part]
    assert recipe_of("setup") == [f"python -m {install}"]
    assert recipe_of("test") == ["pytest -n auto"]
    assert "&& pytest -n auto" in ci
    assert all(f"\n{command}\n" in ci for command in recipe_of("lint"))
    assert recipe_of("ci") == [".ci/run"]


def test_make_docs_writes_every_generated_page():
    made = [
        re.search(r"<!-- Made from .+ by: (.+)$", page.read_text("utf-8"), re.MULTILINE)
        for page in (ROOT / "docs").glob("*.md")
    ]
    commands = [found[1] for found in made if found]
    commands.append("python -m alambique.report.schema > docs/report.schema.json")  # JSON has no comments to say so
    assert len(commands) >= 4
    assert sorted(commands) == sorted(recipe_of("docs"))
    assert all(f"({command.split()[-1]})" in CONTRIBUTING for command in commands)


@pytest.mark.skipif(shutil.which("make") is None, reason="no make")
def test_make_uses_the_environment_that_is_active_or_makes_one(tmp_path):
    def planned(**environment):
        done = subprocess.run(
            [shutil.which("make"), "-n", "-f", ROOT / "Makefile", "setup"], cwd=tmp_path, capture_output=True,
            text=True, check=True, env={"PATH": "/usr/bin:/bin", **environment},
        )  # fmt: skip
        return done.stdout.splitlines()

    install = "python -m pip install -c constraints.txt -e '.[dev,offline]'"
    assert planned() == ["python3 -m venv .venv", f".venv/bin/{install}"]
    (tmp_path / "own" / "bin").mkdir(parents=True)
    (tmp_path / "own" / "bin" / "python").touch()
    assert planned(VIRTUAL_ENV="own") == [f"own/bin/{install}"]


def test_hooks_use_what_is_installed():
    assert {hook["language"] for hook in HOOKS} == {"system", "pygrep"}
    entries = [hook["entry"] for hook in HOOKS if hook["language"] == "system"]
    assert entries == ["ruff check --fix --force-exclude", "ruff format --force-exclude"]


@pytest.mark.parametrize("hook", [hook for hook in HOOKS if hook["language"] == "pygrep"], ids=lambda hook: hook["id"])
def test_every_file_passes_the_hooks_that_search(hook):
    pattern = re.compile(hook["entry"].encode(), 0 if "--multiline" in hook.get("args", []) else re.MULTILINE)
    assert pattern.search(b"text \nmore")
    assert len(TEXTS) > 200
    assert [str(path) for path in TEXTS if pattern.search(path.read_bytes())] == []


def test_the_source_distribution_has_what_its_tests_read():
    include = PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"]
    assert all((ROOT / name).exists() for name in include)
    assert {"CONTRIBUTING.md", "Makefile", ".pre-commit-config.yaml", ".github", ".ci", "benchmarks", "docs"} <= set(
        include
    )
