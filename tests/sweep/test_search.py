"""A sweep from end to end: what is trained and what is not, how it goes on, and what it says."""

import json
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml

from alambique import Recipe, distill
from alambique.artefacts.splits import Split
from alambique.errors import RecipeError, SweepError, WeakTeacherError
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.sweep import search
from alambique.sweep.candidates import Candidates
from alambique.sweep.folder import trial_folder
from alambique.sweep.search import sweep
from alambique.sweep.trial import PrunedError, Scored
from alambique.trials.on_valid import OnValid
from conftest import Stages, Stopping, rows, write_jsonl

VALID = Split("valid", tuple("abcdefgh"), tuple("abcdefgh"), None, np.array([0, 1] * 4))


def test_trials_share_teachers_and_go_on_after_an_interruption(tiny_recipe, tmp_path):
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(tiny_recipe(teacher={"allow_weak": True})))
    candidates = Candidates.load(str(tmp_path / "mine.yaml"), ["teacher.epochs=2,4", "distillation.loss=kl,mse"])
    out, first, second = tmp_path / "sweep", Stopping("student (seed 0)", 3), Stages()
    with pytest.raises(KeyboardInterrupt):
        sweep(candidates, out, reporter=first)
    student = ["student (seed 0)", "scoring student"]
    teacher = ["teacher (seed 0)", "scoring teacher", "soft labels"]
    assert first.begun == [*teacher, *student, *student, *teacher]
    result = sweep(candidates, out, reporter=second)
    assert second.begun == student * 2  # the third with the teacher that was there, and the fourth
    again = Stages()
    assert sweep(candidates, out, reporter=again) == result
    assert again.begun == []

    assert [(trial.number, trial.status, trial.epochs) for trial in result.trials] == [
        (number, "done", (1,)) for number in (1, 2, 3, 4)
    ]
    assert result.best == max(result.trials, key=lambda trial: trial.valid.mean).number
    assert json.loads((out / "sweep.json").read_text()) == result.model_dump(mode="json")
    best = Recipe.load(out / "best.yaml")
    assert best == candidates.recipe(tuple(result.winner.values.values()))
    for number in range(1, 5):
        run = trial_folder(out, number)
        assert pq.read_table(run / "data" / "test.parquet").num_rows == 0
        assert pq.read_table(run / "predictions" / "student" / "test.parquet").num_rows == 0
        assert not [name for name in ("undistilled", "benchmark", "onnx", "report.json") if (run / name).exists()]
    weights = [(trial_folder(out, n) / "teacher" / "model.safetensors") for n in (1, 2, 3, 4)]
    assert weights[0].samefile(weights[1])
    assert weights[2].samefile(weights[3])
    assert not weights[0].samefile(weights[2])

    last = Stages()  # the winner's run is gone on with
    report = distill(best, trial_folder(out, result.best), reporter=last)
    assert [name for name in last.begun if not name.startswith("scoring")] == ["undistilled (seed 0)", "benchmark"]
    assert report["models"]["student"]["valid"]["macro_f1"]["mean"] == pytest.approx(result.winner.valid.mean)


@pytest.mark.slow
def test_unlabelled_text_that_is_also_in_test_is_left_out_of_trials(tiny_recipe, tmp_path, data_folder):
    raw, texts = tiny_recipe(teacher={"allow_weak": True}), [row["text"] for row in rows(20, 77)]
    in_test = [json.loads(line) for line in (data_folder / "test.jsonl").read_text().splitlines()][:5]
    write_jsonl(tmp_path / "more.jsonl", [*({"text": f"{text} again"} for text in texts), *in_test])
    raw["data"]["unlabelled"] = str(tmp_path / "more.jsonl")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(raw))
    out, last = tmp_path / "sweep", Stages()
    sweep(Candidates.load(str(tmp_path / "mine.yaml"), ["distillation.temperature=1,2"]), out)
    distill(Recipe.load(out / "best.yaml"), tmp_path / "run")
    stored = [pq.read_table(run / "unlabelled" / "texts.parquet") for run in (trial_folder(out, 1), tmp_path / "run")]
    assert stored[0] == stored[1]
    assert not set(stored[0]["first"].to_pylist()) & {row["text"] for row in in_test}
    winner = json.loads((out / "sweep.json").read_text())["best"]
    distill(Recipe.load(out / "best.yaml"), trial_folder(out, winner), reporter=last)
    assert not [name for name in last.begun if name.startswith(("teacher", "soft", "student"))]


@pytest.fixture
def outcomes(monkeypatch):
    """Trials that train nothing: how each ends, by its values."""
    ends = {}

    def run_trial(recipe, folder, siblings, reporter, watch):
        end = ends[recipe.student.epochs]
        if isinstance(end, Exception):
            raise end
        if end is None:
            watch(0, 50, 0.1)
            raise PrunedError
        watch(0, 100, 1 - end / 8)
        logits = np.eye(2)[np.where(np.arange(8) < end, 1 - VALID.labels, VALID.labels)]
        return Scored(OnValid(VALID, SINGLE_LABEL, (logits,), 1), (recipe.student.epochs,))

    monkeypatch.setattr(search, "run_trial", run_trial)
    monkeypatch.setattr(Candidates, "check_models", lambda _: "")
    return ends


def test_trials_that_fail_or_are_pruned_say_so_and_the_others_go_on(outcomes, tmp_path):
    outcomes |= {2: 4, 4: WeakTeacherError("too weak"), 6: 1, 8: None}
    result = sweep(Candidates.load("quickstart", ["student.epochs=2,4,6,8"]), tmp_path / "s")
    assert [(trial.status, trial.reason, trial.epochs) for trial in result.trials] == [
        ("done", None, (2,)), ("failed", "too weak", ()), ("done", None, (6,)),
        ("pruned", "behind the median of the others after 50 % of its epochs", (4,)),
    ]  # fmt: skip
    assert result.best == 3
    assert result.winner.valid.mean == pytest.approx((6 / 7 + 8 / 9) / 2)  # one row of label 0 wrong
    assert [point.model_dump() for point in result.trials[3].course] == [{"share": 0.5, "value": 0.1}]
    assert "pruned" in (tmp_path / "s" / "sweep.html").read_text("utf-8")


def test_a_sweep_without_a_finished_trial_is_an_error(outcomes, tmp_path):
    outcomes |= {2: WeakTeacherError("too weak"), 4: WeakTeacherError("too weak")}
    with pytest.raises(SweepError) as failed:
        sweep(Candidates.load("quickstart", ["student.epochs=2,4"]), tmp_path / "s")
    assert str(failed.value) == "No trial could be finished: 2 trials (2 failed). There is no winner.\n  too weak"
    assert failed.value.exit_status == 1


def test_a_range_needs_a_number_of_trials(outcomes, tmp_path):
    candidates = Candidates.load("quickstart", ["student.epochs=2..9"])
    with pytest.raises(RecipeError) as refused:
        sweep(candidates, tmp_path / "s")
    assert str(refused.value) == (
        "--over has a range, which has no end of values. Say how many trials to make: --trials 20"
    )
    outcomes |= dict.fromkeys(range(2, 10), 2)
    assert len(sweep(candidates, tmp_path / "s", trials=3).trials) == 3
    more = sweep(candidates, tmp_path / "s", trials=5)
    assert len({tuple(trial.values.values()) for trial in more.trials}) == 5


def test_a_recipe_that_is_edited_meanwhile_stops_the_sweep(outcomes, tmp_path, recipe_file):
    outcomes |= {2: 1}
    candidates = Candidates.load(str(recipe_file), ["student.epochs=2"])
    recipe_file.write_text(recipe_file.read_text().replace("epochs: 4", "epochs: 5"))
    with pytest.raises(RecipeError, match=r"mine\.yaml was changed while the sweep ran\."):
        sweep(candidates, tmp_path / "s")


def test_the_command_prints_table_winner_and_caution(outcomes, run, tmp_path):
    outcomes |= {2: 4, 4: 1}
    status, out, err = run("sweep", "quickstart", "--over", "student.epochs=2,4", "--quiet")
    assert (status, err) == (0, "")
    assert "│   * 2 │" in out
    assert out.split("\n\n", 1)[1] == (
        "alambique distill quickstart \\\n  --set student.epochs=4\n\n"
        "Report: sweeps/quickstart/sweep.html   Next, to measure it on test: alambique distill "
        "sweeps/quickstart/best.yaml\n"
    )
    assert "This figure is optimistic: it is the best of 2 on the same 8 rows of valid" in out
    assert sorted(path.name for path in (tmp_path / "sweeps" / "quickstart").iterdir()) == [
        "best.yaml", "sweep.html", "sweep.json", "sweep.yaml", "trials.log",
    ]  # fmt: skip
    assert run("sweep", "quickstart", "--over", "student.epochs=0")[0] == 2
    assert (
        "trial 2 of 2: student.epochs=4" in run("sweep", "quickstart", "--over", "student.epochs=2,4", "--out", "o")[2]
    )


def test_an_interrupted_command_says_how_to_go_on(outcomes, run, monkeypatch):
    monkeypatch.setattr(search, "run_trial", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    assert run("sweep", "quickstart", "--over", "student.epochs=2,4", "--quiet") == (
        130, "",
        "alambique: interrupted; what is done is kept. To go on from there: "
        "alambique sweep quickstart --over student.epochs=2,4 --quiet\n",
    )  # fmt: skip
    outcomes |= {2: 4, 4: 1}
    monkeypatch.undo()


def test_without_the_extra_its_name_is_said(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    for name in ("search", "history"):
        monkeypatch.delitem(sys.modules, f"alambique.sweep.{name}")
    assert run("sweep", "quickstart", "--over", "student.epochs=2,4") == (
        2, "", "alambique: alambique sweep needs optuna, which is not installed. To have it: "
        "pip install 'alambique[sweep]'\n",
    )  # fmt: skip
