"""Unlabelled text through the whole pipeline, with tiny models."""

import json
import shutil

import numpy as np
import pytest
import torch

from alambique import Recipe, distill
from alambique.artefacts.features import read_features
from alambique.artefacts.soft_labels import read_soft_labels
from alambique.artefacts.splits import read_splits
from alambique.artefacts.tokens import read_tokens
from alambique.artefacts.unlabelled import read_unlabelled
from alambique.doctor.diagnose import diagnose
from alambique.errors import RecipeError
from alambique.inference.torch_model import predict_logits
from alambique.models.layer_outputs import LayerReader
from alambique.models.pretrained import load_finished
from alambique.models.tokenizer import load_tokenizer
from conftest import Stages, rows, write_jsonl

NEW = 40


@pytest.fixture(scope="module")
def more(tmp_path_factory):
    """A file of unlabelled texts, of which some stand in no split of the runs here."""
    path = tmp_path_factory.mktemp("more") / "more.jsonl"
    write_jsonl(path, [{"text": row["text"] + f" again {n}"} for n, row in enumerate(rows(NEW, 77))])
    return path


@pytest.fixture
def recipe(tiny_recipe, more):
    def make(**sections):
        plain = tiny_recipe()
        plain["data"] |= {"unlabelled": str(more)}
        return Recipe.from_dict(plain | sections)

    return make


def steps(run, name):
    return max(entry["step"] for entry in json.loads((run / name / "history.json").read_text()))


@pytest.fixture
def finished(recipe, tmp_path):
    run = tmp_path / "run"
    return run, distill(recipe(), run, reporter=Stages())


def test_the_teacher_labels_it_and_the_student_learns_from_both(finished, recipe, tiny_recipe, tmp_path, run):
    folder, report = finished
    splits, stored = read_splits(folder / "data"), read_unlabelled(folder / "unlabelled")
    assert len(stored) == NEW
    (segments,) = stored.segments(1000)
    tokens = read_tokens(folder / "tokens" / "mixed" / "teacher" / "mixed")
    assert len(tokens) == len(splits.train) + NEW
    labels = read_soft_labels(folder / "mixed_labels")
    assert labels.ids[:][: len(splits.train)] == splits.train.ids
    own = read_soft_labels(folder / "soft_labels")
    assert np.array_equal(labels.logits[: len(splits.train)], own.logits)
    teacher, tokenizer = (load(folder / "teacher", key="teacher") for load in (load_finished, load_tokenizer))
    expected = predict_logits(teacher, tokenizer, segments, max_length=recipe().data.max_length)
    np.testing.assert_allclose(labels.logits[len(splits.train) :], expected, atol=1e-5)

    # as many steps as the student, or as many epochs: then it is the twin of a run without such text, byte for byte
    assert steps(folder, "student") == steps(folder, "undistilled") > steps(folder, "undistilled_once")
    distill(Recipe.from_dict(tiny_recipe()), tmp_path / "plain")
    weights = [
        (model / "model.safetensors").read_bytes()
        for model in (folder / "undistilled_once", tmp_path / "plain" / "undistilled")
    ]
    assert weights[0] == weights[1]

    assert {"undistilled", "undistilled_once"} < set(report["models"])
    over = [report["verdict"]["gain"]["over"], *(gain["over"] for gain in report["verdict"]["other_gains"])]
    assert sorted(over) == ["undistilled", "undistilled_once"]
    assert (
        f"The student also learnt from {NEW} rows without labels, which the teacher labelled. {NEW} were read. None was "
        "left out."
    ) in report["data"]["notes"]
    assert run("report", folder)[0] == 0
    assert "is the better of two on valid; compared with one" in (folder / "report.html").read_text()

    again = Stages()
    distill(recipe(), folder, reporter=again)
    assert again.begun == []


def test_other_text_makes_the_labels_and_the_student_again_and_no_teacher(finished, recipe, more, tmp_path):
    run, _ = finished
    fewer = tmp_path / "fewer.jsonl"
    fewer.write_text("".join(more.read_text().splitlines(keepends=True)[:10]))
    changed, stages = recipe(), Stages()
    changed = changed.model_copy(update={"data": changed.data.model_copy(update={"unlabelled": str(fewer)})})
    distill(changed, run, reporter=stages)
    assert not {"teacher (seed 0)", "soft labels", "undistilled_once (seed 0)"} & set(stages.begun)
    assert {"soft labels of unlabelled text", "student (seed 0)", "undistilled (seed 0)"} <= set(stages.begun)
    assert steps(run, "student") == steps(run, "undistilled")

    shutil.rmtree(run / "mixed_labels")
    again = Stages()
    distill(changed, run, reporter=again)
    assert again.begun == ["soft labels of unlabelled text"]


def test_a_ratio_of_it_in_each_epoch(recipe, tmp_path):
    run = tmp_path / "run"
    ratio = recipe().distillation.model_copy(update={"unlabelled_ratio": 0.2})
    distill(recipe().model_copy(update={"distillation": ratio}), run)
    train, settings = len(read_splits(run / "data").train), recipe().student
    assert steps(run, "student") == -(-(train + round(0.2 * train)) // settings.batch_size) * settings.epochs


@pytest.mark.slow
@pytest.mark.parametrize("cache", [True, False])
def test_features_of_all_rows_come_first(recipe, tmp_path, cache):
    run = tmp_path / "run"
    of = recipe(
        student={"from_scratch": {"layers": 2, "width": 16, "heads": 2}, "epochs": 2, "batch_size": 16},
        distillation={"features": "hidden", "features_first": 1, "feature_cache": cache},
    )
    distill(of, run)
    history = json.loads((run / "student" / "history.json").read_text())
    an_epoch = steps(run, "student") // 2
    assert steps(run, "undistilled") == 2 * an_epoch  # the twin learns from hard labels in as many steps
    logged = [(entry["step"] <= an_epoch, "loss_hidden" in entry) for entry in history if "loss" in entry]
    assert set(logged) == {(True, False), (False, True)}
    again = Stages()
    distill(of, run, reporter=again)
    assert again.begun == []
    if not cache:
        assert not (run / "features").exists()
        return
    train = read_splits(run / "data").train
    features, tokens = read_features(run / "features"), read_tokens(run / "tokens" / "mixed" / "teacher" / "mixed")
    assert features.ids[:] == read_soft_labels(run / "mixed_labels").ids[:]
    assert features.lengths.tolist() == tokens.lengths.tolist()
    assert len(features.ids) == len(train) + NEW
    model, row = load_finished(run / "teacher", key="teacher").eval(), len(train) + 7
    reader = LayerReader(model, "hidden", [0])
    with reader.reading(), torch.no_grad():
        model(input_ids=torch.from_numpy(tokens.batch(np.array([row]), ["input_ids"])["input_ids"]))
        expected = torch.cat(reader.take(), -1)
    np.testing.assert_allclose(features.batch(np.array([row])), expected.numpy(), atol=2e-3, rtol=2e-3)


def test_the_doctor_counts_it(recipe):
    diagnosis = diagnose(recipe())
    assert diagnosis.rows["unlabelled"] == NEW
    stages = {estimate.stage for estimate in diagnosis.estimates}
    assert {"soft labels of unlabelled text", "undistilled_once"} < stages


def test_views_of_it_are_not_made(recipe):
    with pytest.raises(RecipeError) as caught:
        recipe(soft_labels={"views": 2})
    assert str(caught.value).endswith(
        "soft_labels: views cannot be used with data.unlabelled, which is new text in itself."
    )


@pytest.mark.parametrize(
    ("distillation", "problem"),
    [
        (
            {"features": "hidden", "features_first": 2},
            "features_first is 2 and student.epochs is 1: no epoch would learn from labels.",
        ),
        (
            {"hard_label_weight": 1.0},
            "hard_label_weight is 1, so data.unlabelled, which has soft labels alone, would teach nothing.",
        ),
    ],
)
def test_what_does_not_go_together_is_said_first(recipe, distillation, problem):
    with pytest.raises(RecipeError) as caught:
        recipe(distillation=distillation)
    assert str(caught.value).endswith(f"distillation: {problem}")


def test_a_ratio_of_nothing(tiny_recipe):
    with pytest.raises(RecipeError) as caught:
        Recipe.from_dict(tiny_recipe() | {"distillation": {"unlabelled_ratio": 2}})
    assert str(caught.value).endswith("distillation: unlabelled_ratio is set, but there is no data.unlabelled.")
