"""Words replaced by a masked language model, through the whole pipeline: one text for teacher, student and twin."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import yaml
from transformers import BertForMaskedLM

from alambique import Recipe, distill
from alambique.artefacts.soft_labels import read_soft_labels
from alambique.artefacts.splits import Split, read_splits, row_ids
from alambique.artefacts.tokens import read_tokens, tokenize_rows
from alambique.artefacts.view_texts import read_view_texts
from alambique.commands import rewrite_report
from alambique.data.load import load_splits, locate
from alambique.data.word_dropout import view_of
from alambique.data.word_replacement import gapped_rows
from alambique.doctor.diagnose import diagnose
from alambique.errors import CorruptArtefactError, ModelError
from alambique.inference.torch_model import predict_logits
from alambique.models.pretrained import find_pretrained, load_finished
from alambique.models.tokenizer import load_tokenizer
from alambique.preparation import views_model, views_of
from alambique.progress import Reporter
from alambique.run.folder import RunFolder
from alambique.stages import view_texts
from alambique.stages.view_texts import ViewTextInputs, make_view_texts
from alambique.sweep.candidates import Candidates
from conftest import Stages


@pytest.fixture
def recipe(tiny_recipe, mlm_folder):
    def make(epochs=2, **views):
        views = {"count": 2, "model": str(mlm_folder), "replace": 0.4, **views}
        return Recipe.from_dict(tiny_recipe(student={"epochs": epochs}) | {"soft_labels": {"views": views}})

    return make


@pytest.fixture
def inputs(mlm_folder, data_folder):
    """A stage's inputs, by a function that may change them."""
    texts = [json.loads(line)["text"] for line in (data_folder / "train.jsonl").read_text().splitlines()]
    split = _split(texts)

    def make(**changed):
        plain = ViewTextInputs(find_pretrained(str(mlm_folder), key="k"), split, 1, 0.4, 0, 24)
        return replace(plain, **changed)

    return make


def _split(texts):
    ids = row_ids("train", [(text,) for text in texts])
    return Split("train", ids, tuple(texts), None, np.zeros(len(texts), dtype=np.int64))


def smaller(recipe):
    """A recipe of a few rows, and a teacher that need not be good."""
    raw = yaml.safe_load(recipe.to_yaml())
    raw["data"]["max_rows"] = 60
    raw["teacher"] |= {"epochs": 1, "allow_weak": True}
    return Recipe.from_dict(raw)


def key(run, name):
    return json.loads((run / name / "manifest.json").read_text())["key"]


def test_teacher_student_and_twin_read_the_same_new_text(recipe, mlm_folder, tmp_path):
    run, stages = tmp_path / "run", Stages()
    chosen = smaller(recipe(dropout=0.2))
    distill(chosen, run, reporter=stages)
    assert stages.begun[0] == "replaced words 1"  # before anything is trained
    train = read_splits(run / "data").train
    replaced = read_view_texts(train, run / "view_texts" / "1")
    changed = sum(old != new for old, new in zip(train.texts, replaced.texts, strict=True))
    assert changed > 40  # of 60
    for gaps, old, new in zip(gapped_rows(train, 1, 0.4, 0), train.texts, replaced.texts, strict=True):
        assert len(old.split()) == len(new.split())
        assert sum(a != b for a, b in zip(old.split(), new.split(), strict=True)) <= len(gaps[0])
    view = view_of(replaced, 1, 0.2, seed=0)
    teacher, tokenizer = load_finished(run / "teacher", key="k"), load_tokenizer(run / "teacher", key="k")
    labels = read_soft_labels(run / "views" / "1").for_rows(train.ids)
    np.testing.assert_allclose(labels, predict_logits(teacher, tokenizer, view.segments(), max_length=24), atol=1e-5)
    read = tokenize_rows(tokenizer, view.segments(), max_length=24)  # the student has its teacher's tokenizer
    np.testing.assert_array_equal(read_tokens(run / "tokens" / "teacher" / "view-1").columns["input_ids"],
                                  read.columns["input_ids"])  # fmt: skip
    assert key(run, "undistilled")["inputs"]["views"] == key(run, "student")["inputs"]["views"] == [view.digest]
    assert key(run, "view_texts/1") == {
        "inputs": {"checkpoint": find_pretrained(str(mlm_folder), key="k").digest, "train": train.digest},
        "view": 1, "replace": 0.4, "split_seed": 0, "max_length": 24,
    }  # fmt: skip
    assert "others with some words replaced or left out" in (run / "report.html").read_text()
    again = Stages()
    distill(chosen, run, reporter=again)
    assert again.begun == []
    shutil.rmtree(mlm_folder)  # a finished run needs it no more
    assert rewrite_report(run).soft_labels.views == 2
    texts = run / "view_texts" / "1" / "texts.parquet"
    texts.write_bytes(texts.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptArtefactError, match=r"view_texts/1/texts\.parquet has SHA-256 .* damaged"):
        rewrite_report(run)


def test_without_dropout_replaced_words_are_all_that_differs(recipe, tmp_path):
    chosen, run = recipe(dropout=0, epochs=3, count=3), RunFolder(tmp_path / "run")
    splits = load_splits(chosen.data, locate(chosen.data))
    views = views_of(run, chosen, splits, views_model(chosen), Reporter())
    assert [view.name for view in views] == ["view-1", "view-2"]
    for number, view in enumerate(views, start=1):
        assert view.texts == read_view_texts(splits.train, run.path / "view_texts" / str(number)).texts
        assert (view.ids, view.labels.tolist()) == (splits.train.ids, splits.train.labels.tolist())
    assert views[0].texts != views[1].texts


def test_each_seed_and_each_part_of_the_data_reads_the_same_texts(inputs, tmp_path):
    split = inputs().train
    whole = make_view_texts(RunFolder(tmp_path / "whole"), inputs(), Reporter())
    order = np.random.default_rng(0).permutation(len(split))[:60]
    some = make_view_texts(RunFolder(tmp_path / "some"), inputs(train=split.take(order)), Reporter())
    assert some.texts == tuple(whole.texts[i] for i in order)
    others = [inputs(number=2), inputs(seed=1), inputs(replace=0.2)]
    made = [make_view_texts(RunFolder(tmp_path / str(i)), each, Reporter()).texts for i, each in enumerate(others)]
    assert len({whole.texts, *made}) == 4


def test_a_killed_stage_goes_on_where_it_was(inputs, tmp_path, monkeypatch):
    monkeypatch.setattr(view_texts, "SHARD", 50)
    whole = make_view_texts(RunFolder(tmp_path / "whole"), inputs(), Reporter())
    sample, read = view_texts.sample_words, []

    def killed(lm, texts, **options):
        read.append(len(texts))
        if len(read) == 3:
            raise ChildProcessError
        return sample(lm, texts, **options)

    monkeypatch.setattr(view_texts, "sample_words", killed)
    run = RunFolder(tmp_path / "run")
    with pytest.raises(ChildProcessError):
        make_view_texts(run, inputs(), Reporter())
    assert make_view_texts(run, inputs(), Reporter()).texts == whole.texts
    assert read == [50, 50, 50, 50, 10]  # the third again
    assert sorted(path.name for path in (tmp_path / "run" / "view_texts" / "1").iterdir()) == [
        "manifest.json", "texts.parquet",
    ]  # fmt: skip


def test_a_pair_has_both_texts_replaced(inputs, tmp_path):
    split = replace(inputs().train, pairs=tuple(reversed(inputs().train.texts)))
    made = make_view_texts(RunFolder(tmp_path / "run"), inputs(train=split), Reporter())
    assert made.texts != split.texts
    assert made.pairs != split.pairs
    assert (made.ids, len(made.pairs)) == (split.ids, len(split))


def test_what_is_no_masked_language_model_is_refused_before_anything_is_written(
    recipe, mlm_folder, tiny_bert, tmp_path
):
    tiny_bert().save_pretrained(mlm_folder)
    name = f"soft_labels.views.model: {mlm_folder} has no trained head of a masked language model"
    for ask in (lambda: distill(recipe(), tmp_path / "run"), lambda: diagnose(recipe())):
        with pytest.raises(ModelError) as refused:
            ask()
        assert str(refused.value).startswith(name)
    assert not (tmp_path / "run").exists()
    file = tmp_path / "r.yaml"
    file.write_text(recipe().to_yaml())
    with pytest.raises(ModelError) as refused:
        Candidates.load(str(file), ["student.learning_rate=0.001,0.002"]).check_models()
    assert str(refused.value).startswith(name)


def test_a_model_that_no_epoch_needs_is_not_looked_at(recipe):
    assert views_model(recipe(epochs=1, model="no/where")) is None


def test_other_weights_make_other_texts(inputs, mlm_folder, tmp_path):
    run, stages = RunFolder(tmp_path / "run"), Stages()
    first = make_view_texts(run, inputs(), stages)
    model = BertForMaskedLM.from_pretrained(mlm_folder)
    model.bert.embeddings.word_embeddings.weight.data *= -1
    model.save_pretrained(mlm_folder)
    second = make_view_texts(run, inputs(), stages)
    assert first.texts != second.texts
    assert stages.begun == ["replaced words 1"] * 2


def test_the_doctor_counts_the_model_once_for_all_seeds(recipe, monkeypatch):
    monkeypatch.setattr("alambique.doctor.diagnose._BUDGET", 0.1)
    monkeypatch.setattr("alambique.doctor.view_cost.seconds_per_row", lambda *_: 1.0)
    raw = yaml.safe_load(recipe(epochs=4, count=3).to_yaml()) | {"seeds": [0, 1]}
    found = diagnose(Recipe.from_dict(raw))
    (replaced,) = (each for each in found.estimates if each.stage == "replaced words")
    assert found.estimates[0] == replaced
    assert 2 * 150 < replaced.seconds <= 2 * 162
    assert replaced.memory > 0


def test_a_path_beside_the_recipe_is_found(recipe, mlm_folder, tmp_path):
    raw = yaml.safe_load(recipe().to_yaml())
    raw["soft_labels"]["views"]["model"] = "mlm"
    (mlm_folder.parent / "r.yaml").write_text(yaml.safe_dump(raw))
    assert Recipe.load(mlm_folder.parent / "r.yaml").soft_labels.views.model == str(mlm_folder.resolve())
