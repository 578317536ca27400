"""What a frontier is asked for, refused before anything is trained."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from alambique.errors import DataError, ModelError, RecipeError
from alambique.frontier.forms import Form
from alambique.frontier.plan import Plan


def refusal(name="liar-small", **given):
    with pytest.raises(RecipeError) as refused:
        Plan.load(name, **given)
    return str(refused.value)


def test_the_commands_of_the_docs_can_be_typed(run, monkeypatch):
    plans = []

    def load(recipe, _out, sets, rows, forms, budgets, *, quiet):
        plans.append(Plan.load(recipe, sets=sets, rows=rows, forms=forms, budgets=budgets))
        assert not quiet

    monkeypatch.setattr("alambique.frontier.command.frontier_and_print", load)
    text = (Path(__file__).parents[2] / "docs" / "frontier.md").read_text("utf-8")
    commands = re.findall(r"^alambique (frontier .+)$", text, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        assert run(*shlex.split(command)) == (0, "", "")
    assert [form.name for form in plans[2].named] == ["3 layers, pruned", "1 layer", "static"]
    assert [[budget.text for budget in plan.budgets] for plan in plans] == [["10 MB"], ["5 ms"], ["2000/s", "10 MB"]]
    for form in re.findall(r"^\| `(.+?)`.* \| .+ \|$", text.split("## Which students")[1].split("##")[0], re.MULTILINE):
        assert form in {"--forms", "…, pruned", "defaults"} or Plan.load("liar-small", forms=[form.strip('"')]).named


def test_rows_are_short_for_a_key():
    plan = Plan.load(
        "liar-small", sets=["seeds=[1]"], rows=3000, forms=["static", "3 layers", "static"], budgets=["5 ms"]
    )
    assert plan.sets == ("seeds=[1]", "data.max_rows=3000")
    assert plan.base.data.max_rows == 3000
    assert plan.named == (Form(static=True), Form(layers=3))
    assert plan.recipe(Form(static=True)).student.static.width == 256
    assert refusal(sets=["data.max_rows=5"], rows=3000) == (
        "data.max_rows is given with --set and with --rows; leave one of them out."
    )


@pytest.mark.parametrize(
    "key", ["student.from_teacher.layers", "student.static", "student.from_scratch.width", "student.model"]
)
def test_a_size_that_is_fixed_with_set_is_refused(key):
    assert refusal(sets=[f"{key}=3"]) == (
        f"--set {key} fixes the size of the student, and a frontier has several. Name those that you want, as in --forms "
        '"3 layers" --forms "static, width 128", or write the key into the recipe: its own student is always among '
        "them, and is --forms own."
    )


def test_other_keys_of_the_student_are_for_all_forms():
    plan = Plan.load(
        "liar-small", sets=["student.epochs=1", "student.vocabulary=900"], forms=["1 layer pruned", "static"]
    )
    one, static = map(plan.recipe, plan.named)
    assert (one.student.vocabulary, one.student.epochs, static.student.epochs) == (900, 1, 1)


def test_figures_of_which_less_is_better_are_refused():
    assert refusal(sets=["verdict.metric=mean_absolute_error"]) == (
        "A frontier compares figures of which more is better, and verdict.metric is mean_absolute_error. Add --set "
        "verdict.metric=quadratic_weighted_kappa."
    )


def test_a_form_that_the_recipe_does_not_accept_is_refused_before_anything_is_read():
    message = refusal(sets=["distillation.features=hidden"], forms=["static"])
    assert message.startswith('Recipe liar-small with the form "static" has a problem:\n  ')


@pytest.fixture
def plan(tiny_recipe, tmp_path):
    def build(forms=(), budgets=(), **sections):
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(tiny_recipe(**sections)))
        return Plan.load(str(path), forms=forms, budgets=budgets)

    return build


def test_the_default_list_is_found_with_the_teacher(plan):
    forms, left_out = plan(teacher={"from_scratch": {"layers": 2, "width": 32, "heads": 2, "vocabulary": 300}}).check()
    assert [form.name for form in forms] == [
        "1 layer of width 16", "static, pruned", "static", "1 layer, pruned",
    ]  # fmt: skip
    assert left_out == {}


def test_what_cannot_be_made_is_left_out_of_the_default_list_and_refused_where_it_is_named(plan):
    feature_loss = {"distillation": {"features": "hidden"}}
    forms, left_out = plan(["1 layer", "defaults"], **feature_loss).check()
    assert [form.name for form in forms] == ["1 layer of width 16", "1 layer"]
    assert {form.name for form in left_out} == {"static", "static, pruned"}
    assert all("distillation" in reason for reason in left_out.values())
    with pytest.raises(ModelError, match="the teacher has 1 layers"):
        plan(["3 layers"]).check()


def test_data_that_are_missing_are_said(plan):
    with pytest.raises(DataError, match="there is no column 'nowhere'"):
        plan(data={"text": "nowhere"}).check()
