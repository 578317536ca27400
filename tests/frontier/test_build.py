"""A frontier from end to end: what is trained once, how it goes on, what is chosen, and the run that it leaves."""

import json
import shlex

import pyarrow.parquet as pq
import pytest
import yaml

from alambique import distill
from alambique.commands import rewrite_report
from alambique.errors import FrontierError, NonFiniteError
from alambique.frontier import build
from alambique.frontier.build import frontier
from alambique.frontier.plan import Plan
from alambique.inference.classifier import open_classifier
from conftest import Stages, Stopping

TEACHER = ["scoring majority", "scoring tfidf", "teacher (seed 0)", "scoring teacher", "soft labels"]
PAIR = ["student (seed 0)", "scoring student", "undistilled (seed 0)", "scoring undistilled"]


@pytest.fixture
def recipe(tiny_recipe, tmp_path):
    def build(**sections):
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(tiny_recipe(**{"teacher": {"allow_weak": True}, **sections})))
        return str(path)

    return build


@pytest.fixture(autouse=True)
def undrawn_page(monkeypatch):
    """The page has its own test."""
    monkeypatch.setattr(build, "frontier_page", lambda result, folder: f"{result.choice} {folder}")


@pytest.mark.slow
def test_students_share_a_teacher_and_an_interrupted_command_goes_on(recipe, tmp_path):
    name, out = recipe(), tmp_path / "f"
    sets = ["student.epochs=1"]
    plan = Plan.load(name, sets=sets, forms=["static", "static, width 8", "static, width 12"], budgets=["1 GB"])
    first = Stopping("student (seed 0)", 3)
    with pytest.raises(KeyboardInterrupt):
        frontier(plan, out, reporter=first)
    assert first.begun == [*TEACHER, "token vectors", *PAIR, "token vectors", *PAIR, "token vectors"]
    second = Stages()
    result = frontier(plan, out, reporter=second)
    assert second.begun[: len(PAIR) + 1] == [*PAIR, "costs"]
    assert not [name for name in second.begun[len(PAIR) :] if "seed" in name]  # the chosen run trains nothing

    assert [point.name for point in result.points] == [
        "static, int8",
        "static, width 12, int8",
        "static, width 8, int8",
    ]
    assert result.choice == max(result.points, key=lambda point: (point.quality, -point.latency_ms)).name
    assert [reference.name for reference in result.references] == ["teacher", "tfidf"]
    assert all(reference.latency_ms and reference.bytes for reference in result.references)
    assert all(point.bytes < 20_000 and point.within for point in result.points)
    assert {form.helped for form in result.forms} == {"not shown"}
    assert json.loads((out / "frontier.json").read_text()) == result.model_dump(mode="json")
    for run in (out / "forms").iterdir():
        assert pq.read_table(run / "data" / "test.parquet").num_rows == 0
        for model in ("student", "undistilled", "tfidf"):
            assert pq.read_table(run / "predictions" / model / "test.parquet").num_rows == 0
    assert pq.read_table(out / "data" / "test.parquet").num_rows == 48

    form = out / "forms" / result.chosen.form.replace(", ", "-").replace(" ", "-")
    assert (out / "student" / "model.safetensors").read_bytes() == (form / "student" / "model.safetensors").read_bytes()
    assert open_classifier(out).backend == "numpy"
    report = rewrite_report(out)
    assert report.models["student"].test.macro_f1.mean == result.test.student.mean
    last = Stages()
    again = frontier(Plan.load(name, sets=sets, forms=["static, width 8"], budgets=["1 GB"]), out, reporter=last)
    assert not [name for name in last.begun if "seed" in name]
    assert again.choice == "static, width 8, int8"
    assert set(again.looked_at) == {result.chosen.form, "static, width 8"}
    assert distill(Plan.load(name, sets=sets).recipe(plan.named[1]), form.parent / "static-width-8")["verdict"]["gain"]


@pytest.mark.slow
def test_a_form_that_fails_leaves_the_others_and_all_failing_is_an_error(recipe, tmp_path, monkeypatch):
    plan = Plan.load(recipe(), sets=["student.epochs=1"], forms=["static", "static, width 8"])
    make = build.train_form

    def train_form(recipe, *arguments):
        if recipe.student.static.width == 8 or every:
            raise NonFiniteError("the loss is not finite")
        make(recipe, *arguments)

    monkeypatch.setattr(build, "train_form", train_form)
    every = True
    with pytest.raises(FrontierError) as failed:
        frontier(plan, tmp_path / "f")
    assert str(failed.value) == "No student could be trained:\n  the loss is not finite"
    every = False
    result = frontier(plan, tmp_path / "f")
    assert [(form.name, form.failed) for form in result.failed] == [("static, width 8", "the loss is not finite")]
    assert result.choice == "static, int8"


def test_the_command_prints_the_table_and_how_to_use_the_choice(recipe, run, tmp_path):
    name = recipe()
    command = [
        "frontier",
        name,
        "--forms",
        "static",
        "static width 8",
        "--set",
        "student.epochs=1",
        "--rows",
        100,
        "--quiet",
    ]
    status, out, err = run(*command)
    assert (status, err) == (0, "")
    assert "The choice is static" in out
    assert out.splitlines()[-1] == "Report: frontiers/mine/frontier.html   Next: alambique predict frontiers/mine TEXT"
    assert run("predict", "frontiers/mine", "superb lamp")[0] == 0
    status, out, err = run(*command, "--budget", "1 kB")
    assert status == 2
    assert "over budget" in out
    assert err.startswith("alambique: No student meets 1 kB. The nearest is static, width 8, int8: ")
    assert (tmp_path / "frontiers" / "mine" / "frontier.html").read_text() == "None frontiers/mine"


def test_the_command_refuses_what_it_cannot_read(run, recipe):
    name = recipe()
    assert run("frontier", name, "--budget", "quick")[:2] == (2, "")
    status, _, err = run("frontier", name, "static")
    assert status == 2
    assert "forms are named with --forms, as in --forms static" in " ".join(err.replace("│", " ").split())
    assert run("frontier", name, "--rows", 0)[0] == 2


def test_an_interrupted_command_says_how_to_go_on(run, recipe, monkeypatch):
    name = recipe()
    monkeypatch.setattr(build, "train_form", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    command = ["frontier", name, "--forms", "static, width 8", "--quiet"]
    status, _, err = run(*command)
    assert status == 130
    assert (
        err
        == f"alambique: interrupted; what is done is kept. To go on from there: {shlex.join(['alambique', *command])}\n"
    )


@pytest.mark.slow
def test_precisions_are_points_of_their_own_and_the_chosen_one_is_what_predict_runs(recipe, tmp_path):
    sets = ["student.seeds=2", "student.epochs=2"]
    name, out = recipe(), tmp_path / "f"
    plan = Plan.load(name, sets=sets, forms=["own", "1 layer, pruned"])
    result = frontier(plan, out)
    assert [point.name for point in result.points] == [
        f"{form}, {precision}" for form in ("1 layer of width 16", "1 layer, pruned") for precision in ("fp32", "int8")
    ]
    assert result.trainings == 2
    assert all(point.offered for point in result.points)
    for point in result.points:
        files = out / "forms" / point.form.replace(", ", "-").replace(" ", "-") / "onnx"
        model = files / ("model.onnx" if point.precision == "fp32" else "model_int8.onnx")
        assert point.bytes == model.stat().st_size + (files / "tokenizer.json").stat().st_size
    small = result.point("1 layer of width 16, int8")
    budgets = {"int8": f"{small.bytes} B", "fp32": "1 GB"}
    for precision in ("int8", "fp32", "int8"):  # the exports of the choice before do not stay
        chosen = frontier(Plan.load(name, sets=sets, forms=["own"], budgets=[budgets[precision]]), out).chosen
        assert chosen.name == small.name if precision == "int8" else chosen.quality >= small.quality
        assert open_classifier(out).backend == ("int8" if chosen.precision == "int8" else "onnx")
    assert (out / "students" / "2" / "student").is_dir()


@pytest.mark.slow
def test_a_file_that_fails_its_gate_is_not_offered(recipe, tmp_path):
    plan = Plan.load(recipe(export={"int8_mean_drift": 0.0, "formats": []}), forms=["own"], budgets=["1 GB"])
    result = frontier(plan, tmp_path / "f")
    (refused,) = result.refused
    assert refused.name == "1 layer of width 16, int8"
    assert "drift" in " ".join(refused.refused)
    assert (refused.valid, refused.pareto, refused.within) == (None, False, False)
    assert result.choice == "1 layer of width 16, fp32"
    assert open_classifier(tmp_path / "f").backend == "onnx"
