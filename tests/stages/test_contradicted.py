"""Contradicted rows through the whole pipeline: found, listed, and weighed in the student's training alone."""

import csv
import json

import numpy as np
import pytest

from alambique import Recipe, distill
from alambique.artefacts.contradicted import read_contradicted
from alambique.artefacts.soft_labels import read_soft_labels
from alambique.artefacts.splits import read_splits
from alambique.commands import rewrite_report
from alambique.errors import CorruptArtefactError
from alambique.evaluation.confident_learning import contradictions
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.pipeline import label
from conftest import Stages


@pytest.fixture
def recipe(tiny_recipe):
    def make(seeds=(0,), **soft_labels):
        return Recipe.from_dict(tiny_recipe() | {"soft_labels": soft_labels, "seeds": list(seeds)})

    return make


def key(run, name):
    return json.loads((run / name / "manifest.json").read_text())["key"]


def weights(run, name="student"):
    return (run / name / "model.safetensors").read_bytes()


def test_rows_are_found_listed_and_weighed(recipe, tmp_path):
    run = tmp_path / "run"
    (worth,) = label(recipe(folds=2, trust=0.2), run)
    report = distill(recipe(folds=2, trust=0.2), run)
    train = read_splits(run / "data").train
    logits = read_soft_labels(run / "soft_labels").for_rows(train.ids)
    expected = contradictions(logits, train.labels, SINGLE_LABEL.probabilities).rows
    assert 5 < len(expected) < 60  # about a tenth of 160 labels are wrong
    contradicted = read_contradicted(run / "contradicted")
    assert set(contradicted.ids) == {train.ids[row] for row in expected}
    assert {path.name for path in (run / "contradicted").iterdir()} == {
        "contradicted.json", "rows.csv", "manifest.json",
    }  # fmt: skip
    with (run / "contradicted" / "rows.csv").open(encoding="utf-8", newline="") as file:
        listed = list(csv.DictReader(file))
    texts = dict(zip(train.ids, train.texts, strict=True))
    assert {row["id"]: row["text"] for row in listed} == {row_id: texts[row_id] for row_id in contradicted.ids}
    doubt = [float(row["teacher_probability"]) - float(row["label_probability"]) for row in listed]
    assert doubt == pytest.approx(sorted(doubt, reverse=True), abs=2e-4)
    count = len(expected)
    assert worth.contradicted == count
    assert report["soft_labels"]["contradicted"] == {
        "rows": [count], "of": 160, "weight": 0.2, "file": "contradicted/rows.csv",
    }  # fmt: skip
    said = (run / "report.html").read_text()
    assert f"The teachers contradict the label of {count} of 160 rows of train:" in said
    assert "Their hard labels weigh 0.2." in said
    assert key(run, "student")["trust"] == 0.2
    assert "trust" not in key(run, "undistilled")
    distrusted, twin = weights(run), weights(run, "undistilled")

    stages = Stages()
    plain = distill(recipe(folds=2), run, reporter=stages)
    assert stages.begun == ["student (seed 0)", "scoring student", "benchmark"]  # no teacher, no soft labels, no twin
    assert plain["soft_labels"]["contradicted"] is None
    assert "trust" not in key(run, "student")
    undoubted = weights(run)
    assert undoubted != distrusted
    assert weights(run, "undistilled") == twin
    distill(recipe(folds=2, trust=1.0), run)
    assert weights(run) == undoubted
    counted = rewrite_report(run).soft_labels.contradicted
    assert (counted.rows, counted.weight) == ((count,), 1.0)

    (run / "contradicted" / "rows.csv").write_text("id\n")
    with pytest.raises(CorruptArtefactError, match=r"contradicted.rows\.csv.* is damaged and is not used"):
        rewrite_report(run)


def test_without_folds_by_auto_nothing_is_weighed(recipe, tmp_path, monkeypatch):
    monkeypatch.setattr("alambique.stages.soft_labels.AUTO_GAP", 1.0)
    stages, said = Stages(), []
    stages.say = said.append
    (worth,) = label(recipe(folds="auto", trust=0.2), tmp_path / "run", reporter=stages)
    assert worth.contradicted is None
    assert said == ["soft_labels.trust changes nothing: soft_labels.folds: auto took no folds"]
    assert not (tmp_path / "run" / "contradicted").exists()


@pytest.mark.slow
def test_each_seed_has_its_own_and_the_best_seeds_rows_lie_in_the_run(recipe, tmp_path):
    run = tmp_path / "run"
    report = distill(recipe(seeds=(0, 1), folds=2, trust=0.5), run)
    by_seed = [read_contradicted(run / "seeds" / seed / "contradicted").ids for seed in "01"]
    assert by_seed[0] != by_seed[1]
    assert report["soft_labels"]["contradicted"]["rows"] == [len(ids) for ids in by_seed]
    assert read_contradicted(run / "contradicted").ids == by_seed[report["seeds"]["kept"]]


@pytest.mark.slow
def test_another_order_of_the_data_weighs_the_same_rows(tiny_recipe, data_folder, tmp_path):
    raw = tiny_recipe() | {"soft_labels": {"folds": 2, "trust": 0.2}}
    label(Recipe.from_dict(raw), tmp_path / "one")
    file = data_folder / "train.jsonl"
    file.write_text("".join(reversed(file.read_text().splitlines(keepends=True))))
    label(Recipe.from_dict(raw), tmp_path / "other")
    for name in ("one", "other"):  # other batches teach other teachers; what counts is that rows keep their own weight
        train = read_splits(tmp_path / name / "data").train
        logits = read_soft_labels(tmp_path / name / "soft_labels").for_rows(train.ids)
        expected = {train.ids[row] for row in contradictions(logits, train.labels, SINGLE_LABEL.probabilities).rows}
        found = read_contradicted(tmp_path / name / "contradicted").hard_label_weights(train.ids, 0.2)
        assert {train.ids[row] for row in np.flatnonzero(found != 1)} == expected
