"""A static student through a whole run: its first vectors, its files, and the same answer wherever it is asked."""

import json

import numpy as np
import pytest
import torch
from transformers import AutoModelForSequenceClassification, pipeline

from alambique import Recipe, distill
from alambique.artefacts.predictions import read_scored
from alambique.artefacts.splits import run_data
from alambique.commands import rewrite_report
from alambique.errors import ModelError, RunFolderError
from alambique.inference.classifier import open_classifier
from alambique.models.pretrained import load_finished
from alambique.models.token_vectors import encode_vocabulary, rarity, reduce
from alambique.models.tokenizer import load_tokenizer
from alambique.run.folder import RunFolder
from conftest import Stages, rows, write_jsonl

SIZE = {"layers": 1, "width": 32, "heads": 2}
STATIC = {"static": {"width": 16}, "epochs": 3, "batch_size": 8, "learning_rate": 2e-2}


def recipe_in(folder, **sections):
    if not (folder / "data").is_dir():
        (folder / "data").mkdir()
        for name, count, seed in (("train", 160, 1), ("valid", 48, 2), ("test", 48, 3)):
            write_jsonl(folder / "data" / f"{name}.jsonl", rows(count, seed))
    return Recipe.from_dict(
        {
            "data": {"source": str(folder / "data"), "text": "text", "label": "label", "max_length": 24},
            "teacher": {
                "from_scratch": {**SIZE, "vocabulary": 300},
                "epochs": 4,
                "batch_size": 8,
                "learning_rate": 5e-3,
            },
            "student": STATIC,
            "export": {"formats": []},
        }
        | sections
    )


@pytest.fixture(scope="module")
def static(tmp_path_factory):
    """The folder of data and run, and the recipe, of a static student with its exports."""
    folder = tmp_path_factory.mktemp("static")
    recipe = recipe_in(folder, export={})
    return folder, recipe, distill(recipe, folder / "run")


def logits_of(run, name="student"):
    return read_scored(run, name, run_data(run)[0]).logits["valid"]


def test_its_first_vectors_are_the_teachers_reduced_and_weighted(static):
    run = RunFolder.existing(static[0] / "run")
    teacher, tokenizer = (load(run.path / "teacher", key="t") for load in (load_finished, load_tokenizer))
    ids = np.fromfile(run.path / "tokens" / "teacher" / "train" / "input_ids.i32", dtype=np.int32)
    counts = np.bincount(ids, minlength=len(tokenizer))
    expected = reduce(encode_vocabulary(teacher, tokenizer), 16) * rarity(counts, 1e-3)[:, None]
    assert np.abs(np.load(run.path / "token_vectors" / "vectors.npy") - expected).max() < 1e-5


def test_it_learns_and_so_does_its_twin(static):
    report = static[2]
    for name in ("student", "undistilled"):
        assert report["models"][name]["valid"]["macro_f1"]["mean"] > 0.75
        assert report["models"][name]["bytes"] < report["models"]["teacher"]["bytes"] / 4
    run = RunFolder.existing(static[0] / "run")
    assert np.abs(logits_of(run) - logits_of(run, "undistilled")).max() > 0.01


def test_its_files(static):
    names = {path.name for path in (static[0] / "run" / "student").iterdir()}
    assert names == {
        "config.json", "history.json", "manifest.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    loaded = AutoModelForSequenceClassification.from_pretrained(static[0] / "run" / "student")
    assert (loaded.embeddings.weight.dtype, loaded.config.id2label[2]) == (torch.int8, "good")
    classify = pipeline("text-classification", str(static[0] / "run" / "student"))
    assert classify("superb lovely bright")[0]["label"] == "good"


def test_torch_numpy_and_onnx_give_the_same_answer(static):
    run = RunFolder.existing(static[0] / "run")
    segments = [*run_data(run)[0].valid.segments(), ("",), ("a",), ("superb lamp " * 30,)]
    models = {name: open_classifier(run.path, name) for name in ("torch", "numpy", "onnx", "int8")}
    answers = {name: model.probabilities(segments) for name, model in models.items()}
    for name, each in answers.items():
        assert np.abs(each - answers["torch"]).max() < 1e-4, name
    assert open_classifier(run.path).backend == "numpy"
    assert models["numpy"].label_names == models["torch"].label_names == ("bad", "fair", "good")
    assert models["numpy"].temperature == pytest.approx(models["onnx"].temperature)
    stored = torch.softmax(torch.tensor(logits_of(run)), -1).numpy()
    assert np.abs(answers["numpy"][:48] - stored).max() < 1e-5
    facts = json.loads((run.path / "onnx" / "export.json").read_text("utf-8"))
    assert all(model["problems"] == [] for model in facts["models"].values())


def test_another_student_is_not_run_by_numpy(exported):
    with pytest.raises(RunFolderError, match="numpy runs a static student, and this one is not. Leave --model out."):
        open_classifier(exported[0], "numpy")


def test_a_second_run_makes_nothing_again_and_another_width_makes_new_vectors(static):
    folder, recipe, _ = static
    stages = Stages()
    distill(recipe, folder / "run", reporter=stages)
    assert stages.begun == []
    rewrite_report(folder / "run")  # which asks each stage whether it is current
    stages = Stages()
    section = STATIC | {"static": {"width": 8, "storage": "float32"}, "epochs": 1}
    distill(recipe_in(folder, student=section), folder / "run", reporter=stages)
    assert stages.begun == [
        "token vectors", "student (seed 0)", "scoring student", "undistilled (seed 0)", "scoring undistilled", "benchmark",
    ]  # fmt: skip
    loaded = AutoModelForSequenceClassification.from_pretrained(folder / "run" / "student")
    assert (loaded.embeddings.weight.dtype, loaded.config.hidden_size) == (torch.float32, 8)


@pytest.mark.slow
def test_with_fewer_tokens_it_says_the_same(static, tmp_path):
    teacher = {"model": str(static[0] / "run" / "teacher"), "fine_tune": False, "allow_weak": True}
    for name, size in (("whole", None), ("cut", "auto")):
        section = STATIC | {"vocabulary": size, "static": {"width": 16, "storage": "float32"}}
        distill(recipe_in(tmp_path, teacher=teacher, student=section), tmp_path / name)
    whole, cut = (open_classifier(tmp_path / name) for name in ("whole", "cut"))
    kept = json.loads((tmp_path / "cut" / "vocabulary" / "vocabulary.json").read_text("utf-8"))
    assert kept["kept"] < kept["whole"]
    texts = run_data(RunFolder.existing(tmp_path / "cut"))[0].train.segments()
    assert np.abs(whole.logits(texts) - cut.logits(texts)).max() < 1e-5
    parity = json.loads((tmp_path / "cut" / "vocabulary_parity" / "vocabulary.json").read_text("utf-8"))
    assert parity["agreement"] == 1


@pytest.mark.slow
def test_a_named_encoder_with_runs_of_tokens_and_two_seeds(static, tmp_path):
    encoder = str(static[0] / "run" / "teacher")
    static_section = {"width": 16, "encoder": encoder, "n_grams": 2, "buckets": 64, "head": 8, "dropout": 0.1}
    recipe = recipe_in(tmp_path, student=STATIC | {"static": static_section, "epochs": 1}, seeds=[0, 1])
    distill(recipe, tmp_path / "run")
    loaded = AutoModelForSequenceClassification.from_pretrained(tmp_path / "run" / "student")
    assert loaded.ngram_embeddings.steps.any()
    rewrite_report(tmp_path / "run")
    one, two = (np.load(tmp_path / "run" / "seeds" / seed / "token_vectors" / "vectors.npy") for seed in ("0", "1"))
    assert np.array_equal(one, two)


def test_an_encoder_that_is_not_there_is_refused_before_training(tmp_path):
    recipe = recipe_in(tmp_path, student=STATIC | {"static": {"encoder": str(tmp_path / "none")}})
    with pytest.raises(ModelError, match="student.static.encoder: there is no folder"):
        distill(recipe, tmp_path / "run")
    assert not (tmp_path / "run").exists()
