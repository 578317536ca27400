"""What the documents say can be typed, can be typed."""

import csv
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Annotated, Literal, get_args

import pytest
from pydantic import Field
from safetensors.torch import load_file

from alambique.losses.prediction import LOSSES, Loss, PredictionLoss
from alambique.recipe.distillation import Distillation
from alambique.recipe.files import shipped_recipes
from alambique.recipe.recipe import Recipe
from alambique.recipe.reference import _choices, _kinds, _rows, meaning, page
from alambique.recipe.sections import DEFAULT_STUDENT, Student, Training
from conftest import LABELS, rows

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("labels", [LABELS, ("0", "1", "2")])  # a CSV reader makes numbers of the latter
def test_the_example_script_distils(tmp_path, tiny_bert, tiny_distilbert, tokenizer, labels):
    tiny_bert(labels=labels).save_pretrained(tmp_path / "teacher")
    tokenizer.save_pretrained(tmp_path / "teacher")
    tiny_distilbert().save_pretrained(tmp_path / "start")
    with (tmp_path / "train.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, ["text", "label"])
        writer.writeheader()
        writer.writerows({**row, "label": labels[LABELS.index(row["label"])]} for row in rows(40, 3))
    script = ROOT / "docs" / "examples" / "own_trainer.py"
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf"), "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, str(script), "teacher", "start", "train.csv"], cwd=tmp_path, env=environment, check=True,
        capture_output=True,
    )  # fmt: skip
    before = load_file(tmp_path / "start" / "model.safetensors")
    after = load_file(tmp_path / "student" / "model.safetensors")
    assert any(not before[name].equal(after[name]) for name in before)
    lines = [line for line in script.read_text().splitlines() if line.strip() and not line.startswith('"""')]
    assert len(lines) <= 30


def test_ci_runs_the_readmes_test_command():
    commands = re.findall(r"```sh\n(.+?)\n```", README, re.DOTALL)
    (command,) = [c for c in commands if "pytest" in c]
    assert "\n" not in command
    assert command in (ROOT / ".ci" / "run").read_text("utf-8")


def test_the_readmes_recipe_is_a_recipe(tmp_path):
    (text,) = re.findall(r"```yaml\n(.+?)```", README, re.DOTALL)
    (tmp_path / "mine.yaml").write_text(text)
    assert Recipe.load(tmp_path / "mine.yaml").data.text == ("sentence",)
    assert len(text.splitlines()) < 10


@pytest.mark.parametrize("document", ["README.md", "docs/recipe.md"])
def test_every_shipped_recipe_is_told_of(document):
    text = (ROOT / document).read_text("utf-8")
    assert all(f"`{name}`" in text for name in shipped_recipes())


def test_the_recipe_page_is_the_generated_one():
    done = subprocess.run(
        [sys.executable, "-m", "alambique.recipe.reference"], capture_output=True, check=True, encoding="utf-8"
    )
    assert (ROOT / "docs" / "recipe.md").read_text("utf-8") == done.stdout, (
        "write it again: python -m alambique.recipe.reference > docs/recipe.md"
    )


def test_the_recipe_page_has_a_line_for_every_key_with_its_meaning():
    lines = re.findall(r"^\| `([\w.]+)` \| (.+) \| (.+) \| (.+) \|$", page(), re.MULTILINE)
    sections = {field.alias or key for key, field in Recipe.model_fields.items()} - {"seeds"}
    assert {key for key, *_ in lines} == keys_of(Recipe) - sections
    assert len(lines) == len({key for key, *_ in lines})
    bounded = "a whole number of at least 1 and at most 65536"
    assert ("teacher.batch_size", "32", bounded, "Rows per micro-batch, of all devices together.") in lines  # inherited
    assert ("student.model", DEFAULT_STUDENT, "text", meaning(Student, "model")) in lines
    assert ("teacher.from_scratch.width", "(required)", bounded, "Hidden size of each layer.") in lines
    assert (
        "distillation.loss",
        "kl",
        "`dist`, `dkd`, `emd`, `js`, `kl`, `mse` or `reverse_kl`, or a mapping of `name` and options",
        meaning(Distillation, "loss"),
    ) in lines
    assert (
        "teacher.learning_rate",
        "5e-5",
        "a number above 0 and at most 1",
        "Peak learning rate.",
    ) in lines


def keys_of(section, prefix=""):
    keys = set()
    for name, field in section.model_fields.items():
        key = field.alias or name
        keys.add(prefix + key)
        for kind in () if field.discriminator else (field.annotation, *get_args(field.annotation)):
            keys |= keys_of(kind, f"{prefix}{key}.") if hasattr(kind, "model_fields") else set()
    return keys


def test_the_recipe_page_has_a_line_for_every_loss():
    lines = re.findall(r"^\| `(\w+)` \| (.+) \| (.+) \|$", page(), re.MULTILINE)
    weight = "a number of at least 0 and at most 1000"
    options = {
        "dkd": f"`alpha` (default 1.0), {weight}: Weight of the target class against all others; "
        f"`beta` (default 8.0), {weight}: Weight of the distribution over the other classes",
        "dist": f"`beta` (default 1.0), {weight}: Weight of the correlation within a row; "
        f"`gamma` (default 1.0), {weight}: Weight of the correlation within a class",
        "js": "`beta` (default 0.5), a number above 0 and below 1: Weight of the teacher in the mixture m, between 0 and 1",
    }
    assert [line for line in lines if line[0] in LOSSES] == [
        (name, options.get(name, "none"), kind.__doc__.splitlines()[0]) for name, kind in LOSSES.items()
    ]


def test_options_of_a_loss_are_in_its_line():
    class Scaled(PredictionLoss):
        """KL divergence, scaled.

        More about it.
        """

        name: Literal["scaled"] = "scaled"
        alpha: float = Field(1.5, gt=0)

    class Holder(Student):
        loss: Annotated[Loss | Scaled, Field(discriminator="name")] = Scaled()

    assert _choices(_kinds(Holder, "loss"), "x.loss").splitlines()[-1] == (
        "| `scaled` | `alpha` (default 1.5), a number above 0 | KL divergence, scaled. |"
    )
    assert (
        "`x.loss`",
        "scaled",
        "`dist`, `dkd`, `emd`, `js`, `kl`, `mse`, `reverse_kl` or `scaled`, or a mapping of `name` and options",
        "",
    ) in _rows(Holder, "x.")


def test_a_key_without_a_text_has_no_meaning():
    class Later(Student):
        extra: int = 0

    assert meaning(Later, "extra") == ""
    assert meaning(Later, "warmup") == meaning(Training, "warmup") != ""


def test_the_changelog_knows_this_version():
    import alambique

    assert f"## [{alambique.__version__}]" in (ROOT / "CHANGELOG.md").read_text("utf-8")


PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder, pattern in ((ROOT, "*.md"), (ROOT / "docs", "**/*.md"), (ROOT / "benchmarks", "**/*.md"))
    for path in folder.glob(pattern)
)
SCRIPTS = sorted(
    p.relative_to(ROOT).as_posix() for f in ("docs", "benchmarks", "src") for p in (ROOT / f).rglob("*.py")
)
SLIPS = re.compile(
    r"\b(?:rows|texts|tokens|steps|seeds|seconds|batches|threads|bytes) an? "
    r"(?:batch|row|second|seed|step(?! has)|text|thread|core|actor|class|shard|request|micro-batch)\b"
    r"|(?<!there )(?<!There )\bis no (?!longer|more|less|better|such|need|reason|difference|other|way|network)\w+"
    r"|\bmade good\b"
)


@pytest.mark.parametrize("name", PAGES + SCRIPTS)
def test_pages_are_in_plain_english(name):
    assert SLIPS.search("64 rows a batch")
    assert SLIPS.search("it is no run")
    lines = (ROOT / name).read_text("utf-8").splitlines()
    assert [(number, found[0]) for number, line in enumerate(lines, 1) if (found := SLIPS.search(line))] == []


@pytest.mark.parametrize("name", PAGES)
def test_links_of_pages_lead_somewhere(name):
    text = (ROOT / name).read_text("utf-8")
    targets = [link.split("#")[0] for link in re.findall(r"\]\(([^)\s]+)\)", text) if "://" not in link]
    assert [target for target in targets if target and not ((ROOT / name).parent / target).exists()] == []


@pytest.mark.parametrize("name", PAGES)
def test_names_of_the_package_in_pages_exist(name):
    text = (ROOT / name).read_text("utf-8")
    for path in re.findall(r"`(alambique(?:\.\w+)+)`", text):
        pkgutil.resolve_name(path)
    for module, names in re.findall(r"^(?:>>> )?from (alambique\S*) import (.+)$", text, re.MULTILINE):
        for imported in names.split(","):
            thing = pkgutil.resolve_name(f"{module}.{imported.strip()}")
            assert not isinstance(thing, ModuleType), f"{imported} is a module of {module}"
