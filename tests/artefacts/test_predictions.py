import json

import numpy as np
import pyarrow.parquet as pq
import pytest

from alambique.artefacts.predictions import (
    Predictions,
    read_predictions,
    read_scored,
    read_seeds,
    read_students,
    weight_bytes,
    write_predictions,
)
from alambique.artefacts.splits import Split, Splits
from alambique.errors import CorruptArtefactError, RunFolderError
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder

LOGITS = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], dtype=np.float32)


def split_of(name, count):
    ids = tuple(f"{name}-{i}" for i in range(count))
    return Split(name, ids, ids, None, np.arange(count) % 2)


SPLITS = Splits(split_of("train", 4), split_of("valid", 3), split_of("test", 2), ("no", "yes"))


def score(run, model, shift=0.0):
    """Put a model with 16 bytes of weights into a run, and its predictions."""

    def write(folder):
        for split in (SPLITS.valid, SPLITS.test):
            write_predictions(folder / f"{split.name}.parquet", split.ids, split.labels, LOGITS[: len(split)] + shift)
        (folder / "parameters.json").write_text('{"parameters": 7}')

    run.stage(f"predictions/{model}", {}, write)
    if model not in ("tfidf", "majority"):
        (run.path / model).mkdir()
        (run.path / model / "model.safetensors").write_bytes(b"0" * 16)


def test_predictions_come_back(tmp_path):
    write_predictions(tmp_path / "p.parquet", ("a", "b", "c"), np.array([0, 1, 1]), LOGITS)
    assert read_predictions(tmp_path / "p.parquet", ("a", "b", "c")).tolist() == LOGITS.tolist()


@pytest.mark.parametrize("ids", [("a", "c", "b"), ("a", "b"), ("a", "b", "c", "d")])
def test_predictions_of_other_rows_are_refused(tmp_path, ids):
    path = tmp_path / "p.parquet"
    write_predictions(path, ("a", "b", "c"), np.array([0, 1, 1]), LOGITS)
    with pytest.raises(CorruptArtefactError) as caught:
        read_predictions(path, ids)
    assert str(caught.value) == f"{path} holds predictions for other rows than the data."


def test_the_columns_on_disk(tmp_path):
    write_predictions(tmp_path / "p.parquet", ("a", "b", "c"), np.array([0, 1, 1]), LOGITS.astype(np.float64))
    table = pq.read_table(tmp_path / "p.parquet")
    assert table.to_pydict() == {
        "id": ["a", "b", "c"], "label": [0, 1, 1], "logits": [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]],
    }  # fmt: skip
    assert str(table.schema.field("logits").type) == "fixed_size_list<element: float>[2]"


def test_a_models_predictions_with_its_size(tmp_path):
    run = RunFolder(tmp_path)
    score(run, "student", shift=0.5)
    scored = read_scored(run, "student", SPLITS)
    assert (scored.model, scored.parameters, scored.size) == ("student", 7, 16)
    assert {name: logits.tolist() for name, logits in scored.logits.items()} == {
        "valid": [[1.5, 2.5], [3.5, 4.5], [5.5, 6.5]], "test": [[1.5, 2.5], [3.5, 4.5]],
    }  # fmt: skip


def test_a_baseline_has_no_size(tmp_path):
    score(RunFolder(tmp_path), "tfidf")
    assert read_scored(RunFolder(tmp_path), "tfidf", SPLITS).size is None


def test_only_safetensors_are_weights(tmp_path):
    for name, size in (("model-1.safetensors", 3), ("model-2.safetensors", 4), ("config.json", 5), ("x.bin", 6)):
        (tmp_path / name).write_bytes(b"0" * size)
    assert weight_bytes(tmp_path) == 7


def refusal(run, model, splits=SPLITS):
    with pytest.raises(RunFolderError) as caught:
        read_scored(run, model, splits)
    return str(caught.value)


def test_predictions_that_are_not_there_or_for_other_rows(tmp_path):
    run = RunFolder(tmp_path)
    message = (
        f"{tmp_path}/predictions/student does not hold the predictions of student for the rows of this run. Run alambique "
        "distill again."
    )
    assert refusal(run, "student") == message
    score(run, "student")
    assert (
        refusal(run, "student", Splits(SPLITS.train, SPLITS.valid, split_of("test", 3), SPLITS.label_names)) == message
    )


def test_a_model_without_weights(tmp_path):
    run = RunFolder(tmp_path)
    score(run, "student")
    (tmp_path / "student" / "model.safetensors").unlink()
    assert refusal(run, "student") == f"{tmp_path}/student holds no weights. Run alambique distill again."


def test_damaged_predictions_are_named(tmp_path):
    run = RunFolder(tmp_path)
    score(run, "student")
    (tmp_path / "predictions" / "student" / "parameters.json").write_text('{"parameters": 8}')
    with pytest.raises(
        CorruptArtefactError, match="student/parameters.json has SHA-256 .*: it is damaged and is not used"
    ):
        read_scored(run, "student", SPLITS)


@pytest.mark.parametrize("seeds", [[3], [3, 5]])
def test_further_students_stand_beside_the_teacher_of_their_seed(tmp_path, seeds):
    run, alone = RunFolder(tmp_path), len(seeds) == 1
    for seed in seeds:
        for model in ("teacher", "student", "undistilled"):
            score(run.seed(seed, alone=alone), model, shift=seed)
        for model in ("student", "undistilled"):
            score(run.seed(seed, alone=alone).student(1), model, shift=10 * seed)
    for model in ("tfidf", "majority"):
        score(run, model)
    recipe = Recipe.from_dict(
        {"data": {"source": "quickstart", "text": "claim", "label": "label"}, "seeds": seeds, "student": {"seeds": 2}}
    )
    seen = read_students(run, recipe, SPLITS, read_seeds(run, recipe, SPLITS))
    assert list(seen) == [training for seed in seeds for training in (seed, seed + 1000)]
    for seed in seeds:
        for training, shift in ((seed, seed), (seed + 1000, 10 * seed)):
            shown = {
                name: seen[training][name].logits["test"].tolist() for name in ("teacher", "student", "undistilled")
            }
            own = (LOGITS[:2] + shift).tolist()
            assert shown == {"teacher": (LOGITS[:2] + seed).tolist(), "student": own, "undistilled": own}
    (run.seed(seeds[-1], alone=alone).student(1).path / "predictions" / "student" / "test.parquet").unlink()
    with pytest.raises(CorruptArtefactError, match="students/2/predictions/student/test.parquet is missing"):
        read_students(run, recipe, SPLITS, read_seeds(run, recipe, SPLITS))


@pytest.mark.parametrize("seeds", [[3], [3, 5]])
def test_each_seed_has_its_models_and_all_share_the_baselines(tmp_path, seeds):
    run = RunFolder(tmp_path)
    for seed in seeds:
        for model in ("teacher", "student", "undistilled"):
            score(run.seed(seed, alone=len(seeds) == 1), model, shift=seed)
    for model in ("tfidf", "majority"):
        score(run, model)
    recipe = Recipe.from_dict({"data": {"source": "quickstart", "text": "claim", "label": "label"}, "seeds": seeds})
    read = read_seeds(run, recipe, SPLITS)
    assert list(read) == seeds
    for seed, scored in read.items():
        assert list(scored) == ["teacher", "student", "undistilled", "tfidf", "majority"]
        assert all(isinstance(each, Predictions) for each in scored.values())
        assert scored["student"].logits["test"].tolist() == (LOGITS[:2] + seed).tolist()
        assert scored["tfidf"].logits["test"].tolist() == LOGITS[:2].tolist()
    assert json.loads((tmp_path / "predictions" / "tfidf" / "parameters.json").read_text()) == {"parameters": 7}
