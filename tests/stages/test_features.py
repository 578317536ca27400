"""The teacher's features in a run: one key, stored once or read live, refused before anything is trained."""

import copy
import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from alambique import Recipe, distill
from alambique.artefacts.features import read_features
from alambique.artefacts.tokens import read_tokens, tokenize_rows
from alambique.commands import check_current
from alambique.doctor.diagnose import diagnose
from alambique.errors import RecipeError
from alambique.losses.features import HiddenStates, Relations
from alambique.models.layer_outputs import LayerReader
from alambique.models.pretrained import load_finished
from alambique.progress import Step
from alambique.recipe.sections import Compute
from alambique.run.folder import RunFolder
from alambique.stages.features import store_features
from alambique.training.feature_source import live_teacher
from conftest import Stages, rows

TEXTS = [(row["text"],) for row in rows(50, 3)]
NEW = ["features", "student (seed 0)", "scoring student", "benchmark"]


def changed(raw, **distillation):
    raw = copy.deepcopy(raw)
    raw["distillation"] = distillation
    return Recipe.from_dict(raw)


def begun(recipe, run):
    stages = Stages()
    distill(recipe, run, reporter=stages)
    return stages.begun


def key(run, name="student"):
    return json.loads((run / name / "manifest.json").read_text())["key"]


def losses(run):
    return [entry for entry in json.loads((run / "student" / "history.json").read_text()) if "loss" in entry]


@pytest.mark.slow
def test_one_key_switches_each_on_and_a_second_run_trains_nothing(tiny_recipe, tmp_path):
    raw, run = tiny_recipe(student={"from_scratch": {"layers": 2, "width": 16, "heads": 2}}), tmp_path / "run"
    distill(changed(raw), run)
    plain = key(run)
    assert not {"features", "feature_weight", "feature_cache"} & plain["distillation"].keys()
    assert "feature_layers" not in plain
    undistilled = (run / "undistilled" / "model.safetensors").read_bytes()
    for loss, cache, new in (
        ("hidden", True, NEW),
        ({"name": "hidden", "normalize": True}, True, NEW[1:]),
        ("hidden", False, NEW[1:]),
        ("relations", True, NEW),
    ):
        recipe = changed(raw, features=loss, feature_cache=cache)
        assert begun(recipe, run) == new
        assert begun(recipe, run) == []
        assert run / "student" in check_current(RunFolder.existing(run))
        name = loss if isinstance(loss, str) else loss["name"]
        assert all(entry[f"loss_{name}"] > 0 for entry in losses(run))
        assert ("features" in key(run)["inputs"]) is cache
        assert ("feature_teacher" in key(run)["inputs"]) is not cache
    assert key(run)["feature_layers"] == {"1": 0}
    assert (run / "undistilled" / "model.safetensors").read_bytes() == undistilled
    assert not [name for name in load_file(run / "student" / "model.safetensors") if "projection" in name]
    assert begun(changed(raw), run) == NEW[1:]
    assert key(run) == plain


@pytest.mark.slow
@pytest.mark.parametrize(("loss", "speedups"), [("hidden", True), ("relations", False)])
def test_stored_and_live_features_train_alike(tiny_recipe, tmp_path, loss, speedups):
    raw = tiny_recipe(student={"from_scratch": {"layers": 2, "width": 16, "heads": 2}}, compute={"speedups": speedups})
    trained = []
    for cache in (True, False):
        distill(changed(raw, features=loss, feature_weight=0.5, feature_cache=cache), tmp_path / "run")
        trained.append(losses(tmp_path / "run"))
    for stored, live in zip(*trained, strict=True):
        assert stored[f"loss_{loss}"] == pytest.approx(live[f"loss_{loss}"], rel=0.02)  # float16
        assert stored["loss_kl"] == pytest.approx(live["loss_kl"], rel=0.1)
    check_stored(tmp_path / "run", loss)


@pytest.mark.parametrize("loss", [HiddenStates(), HiddenStates(tokens="first"), Relations()])
def test_what_is_stored_is_what_the_teacher_computes(tiny_bert, tokenizer, tmp_path, loss, monkeypatch):
    monkeypatch.setattr("alambique.stages.features.SHARD", 16)
    tokens, model = tokenize_rows(tokenizer, TEXTS, max_length=24), tiny_bert()
    reader = LayerReader(model, loss.reads, [0, 1], first_only=loss.first_only)
    expected = []
    for row in range(len(TEXTS)):
        with reader.reading(), torch.no_grad():
            model(**{name: torch.from_numpy(v) for name, v in tokens.batch(np.array([row]), ["input_ids"]).items()})
            expected.append(torch.cat(reader.take(), -1).numpy())
    teacher = live_teacher(loss, tiny_bert(), [0, 1], Compute(), half=False)
    lengths = store_features(teacher, tokens, tmp_path, first_only=loss.first_only, step=Step())
    stored = np.load(tmp_path / "values.npy")
    assert stored.dtype == np.float16
    assert lengths.tolist() == [len(part) for part in expected]
    np.testing.assert_allclose(stored, np.concatenate(expected), atol=2e-3, rtol=2e-3)


def check_stored(run, loss):
    """What a run stores is what its teacher computes for the same row."""
    features = read_features(run / "features")
    tokens = read_tokens(run / "tokens" / "teacher" / "train")
    assert features.lengths.tolist() == tokens.lengths.tolist()
    model = load_finished(run / "teacher", key="teacher").eval()
    reader = LayerReader(model, loss, [0])
    with reader.reading(), torch.no_grad():
        model(input_ids=torch.from_numpy(tokens.batch(np.array([7]), ["input_ids"])["input_ids"]))
        expected = torch.cat(reader.take(), -1)
    np.testing.assert_allclose(features.batch(np.array([7])), expected.numpy(), atol=2e-3, rtol=2e-3)


def test_values_too_large_for_float16_are_an_error_that_says_what_to_do(tiny_bert, tokenizer, tmp_path):
    model = tiny_bert()
    with torch.no_grad():
        model.bert.encoder.layer[0].output.LayerNorm.weight.fill_(1e6)
    teacher = live_teacher(HiddenStates(), model, [0], Compute(), half=False)
    with pytest.raises(
        RecipeError, match=r"^The teacher's features reach .*, too large to be stored in float16. Have it"
    ):
        tokens = tokenize_rows(tokenizer, TEXTS, max_length=24)
        store_features(teacher, tokens, tmp_path, first_only=False, step=Step())


@pytest.fixture
def other_tokenizer(tmp_path, tiny_distilbert):
    """A student's checkpoint with a tokenizer of its own."""
    from alambique.models.tokenizer import for_model, train_wordpiece

    folder = tmp_path / "student"
    tokenizer = train_wordpiece([row["text"].upper()[::-1] for row in rows(100, 9)], vocabulary=200)
    model = tiny_distilbert(layers=2)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(folder)
    for_model(tokenizer, model).save_pretrained(folder)
    return str(folder)


@pytest.mark.slow
def test_with_another_tokenizer_the_first_token_alone_is_compared(tiny_recipe, other_tokenizer, tmp_path):
    raw = tiny_recipe()
    raw["student"] = {"model": other_tokenizer, "epochs": 1, "batch_size": 16}
    for cache in (True, False):
        features = {"name": "hidden", "tokens": "first", "layers": {"1": 0}}
        distill(changed(raw, features=features, feature_cache=cache), tmp_path / "run")
        assert all(entry["loss_hidden"] > 0 for entry in losses(tmp_path / "run"))
    features = read_features(tmp_path / "run" / "features")
    assert len(features.values) == len(features.ids) == 160


@pytest.mark.parametrize("command", [distill, lambda recipe, _: diagnose(recipe)])
@pytest.mark.parametrize(
    ("features", "more", "message"),
    [
        ({"name": "hidden", "layers": {"4": 0}}, {}, "the student has layers 0 to 0, and no layer 4."),
        ({"name": "hidden", "layers": {"0": 4}}, {}, "the teacher has layers 0 to 0, and no layer 4."),
        (
            {"name": "relations", "heads": 5}, {},
            "relations of 5 heads cannot be taken of widths 16 (student) and 32 (teacher): heads must divide both, as 8 "
            "does.",
        ),
        (
            "hidden", {"compute": {"compile": True}},
            "the layers of a compiled model cannot be read; set compute.compile=false.",
        ),
        (
            "relations", {"student": "other"},
            "relations compares the tokens of student and teacher, and their tokenizers differ. The first token of each "
            'text can be compared: --set "distillation.features={name: hidden, tokens: first}".',
        ),
    ],
)  # fmt: skip
def test_a_wrong_combination_is_one_message_before_anything_is_trained(
    tiny_recipe, other_tokenizer, tmp_path, features, more, message, command
):
    raw = tiny_recipe(**{name: keys for name, keys in more.items() if name != "student"})
    if "student" in more:
        raw["student"] = {"model": other_tokenizer, "epochs": 1}
    with pytest.raises(RecipeError) as refused:
        command(changed(raw, features=features), tmp_path / "run")
    assert str(refused.value) == f"distillation.features: {message}"
    assert not (tmp_path / "run").exists()
