"""A model of natural language inference as teacher: the logits of entailment, by the names of its classes."""

import json

import numpy as np
import pytest
import torch

from alambique import Recipe, distill
from alambique.artefacts.splits import Split, Splits
from alambique.doctor.diagnose import diagnose
from alambique.errors import ModelError, RecipeError
from alambique.inference import zero_shot
from alambique.inference.zero_shot import FromEntailment, entailment_of, premises
from alambique.pipeline import label
from alambique.progress import Reporter
from alambique.recipe.answering import ZeroShot
from conftest import LABELS, Stages

NLI = ("neutral", "Entailment", "contradiction")
TEMPLATE = "it is {} ."


@pytest.fixture
def nli(tiny_bert, tokenizer, tmp_path):
    """Save a tiny NLI model with these classes, and a tokenizer."""

    def build(labels=NLI):
        folder = tmp_path / "nli"
        tiny_bert(labels=labels).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        return folder

    return build


def rows(count=5):
    def split(name):
        texts = tuple(f"superb lamp {name} {i}" for i in range(count))
        return Split(name, tuple(f"{name}-{i}" for i in range(count)), texts, None, np.zeros(count, dtype=np.int64))

    return Splits(split("train"), split("valid"), split("test"), LABELS)


def source(folder, **keys):
    return FromEntailment.resolve(ZeroShot(model=str(folder), template=TEMPLATE, **keys), LABELS, max_length=16)


def expected(model, tokenizer, texts, sentences):
    pairs = [(text, sentence) for text in texts for sentence in sentences]
    batch = tokenizer([a for a, _ in pairs], [b for _, b in pairs], padding=True, return_tensors="pt")
    with torch.inference_mode():
        return model(**batch).logits[:, 1].reshape(len(texts), len(sentences)).numpy()


def test_a_label_has_the_logit_of_entailment_of_its_sentence(nli, tiny_bert, tokenizer, tmp_path):
    splits = rows()
    logits, facts = source(nli()).answer(splits, tmp_path, Reporter(), kept=tmp_path / "asked")
    model = tiny_bert(labels=NLI)
    for split in splits:
        wanted = expected(model, tokenizer, split.texts, ["it is bad .", "it is fair .", "it is good ."])
        np.testing.assert_allclose(logits[split.name], wanted, atol=1e-5)
    assert facts["sentences"] == ["it is bad .", "it is fair .", "it is good ."]
    assert facts["parameters"] == model.num_parameters()


def test_words_speak_for_labels(nli):
    assert source(nli(), words={"bad": "awful", "good": "lovely"}).sentences == [
        "it is awful .", "it is fair .", "it is lovely .",
    ]  # fmt: skip


def test_an_attempt_that_was_killed_is_gone_on_with(nli, tmp_path, monkeypatch):
    monkeypatch.setattr(zero_shot, "SHARD", 2)
    splits, answering = rows(), source(nli())
    whole, _ = answering.answer(splits, tmp_path, Reporter(), kept=tmp_path / "asked")
    kept = sorted(path.name for path in tmp_path.glob("*.npy"))
    assert len(kept) == 9  # of each split 2, 2 and 1 rows
    (tmp_path / kept[0]).unlink()
    read = []
    monkeypatch.setattr(FromEntailment, "_of_texts", lambda self, texts, *rest: read.append(texts) or np.zeros((2, 3)))
    again, _ = answering.answer(splits, tmp_path, Reporter(), kept=tmp_path / "asked")
    assert read == [list(splits.test.texts[:2])]
    assert again["train"].tolist() == whole["train"].tolist()


def test_texts_are_cut_as_the_students_and_sentences_come_on_top(nli, tokenizer):
    longest = max(len(tokenizer(f"it is {name} .")["input_ids"]) for name in LABELS)
    assert source(nli()).pair_length(tokenizer) == 16 + longest


def test_both_segments_are_the_premise():
    split = Split("train", ("a", "b"), ("one", "two"), ("three", ""), np.array([0, 1]))
    assert premises(split) == ["one three", "two"]


@pytest.mark.parametrize(("names", "count"), [
    (["LABEL_0", "LABEL_1"], "no class"), (["not_entailment"], "no class"),
    (["entailment", "Entails"], "several classes"),
])  # fmt: skip
def test_a_model_without_a_class_of_entailment_is_refused(names, count):
    with pytest.raises(ModelError) as refused:
        entailment_of(names, "some/model")
    assert str(refused.value) == (
        f"teacher.zero_shot.model: some/model has {count} named entailment; its classes are {', '.join(names)}. Give a "
        "classifier that was trained on natural language inference, or write the names into id2label of its config.json."
    )


def test_a_classifier_of_something_else_is_refused_before_it_is_loaded(nli, tmp_path):
    folder = nli(labels=LABELS)
    (folder / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match="has no class named entailment; its classes are bad, fair, good"):
        source(folder)


def test_positions_for_text_and_sentence(nli):
    with pytest.raises(ModelError) as refused:
        FromEntailment.resolve(ZeroShot(model=str(nli()), template=TEMPLATE), LABELS, max_length=60)
    assert "but teacher.zero_shot.model (nli) reads at most 64 tokens" in str(refused.value)


def given(tiny_recipe, folder, **keys):
    raw = tiny_recipe()
    raw["teacher"] = {"zero_shot": {"model": str(folder), "template": TEMPLATE}, **keys}
    raw["student"]["from_scratch"] = {"layers": 1, "width": 16, "heads": 2, "vocabulary": 300}
    return Recipe.from_dict(raw)


def test_a_weak_one_is_refused(tiny_recipe, nli, data_folder, tmp_path, monkeypatch):
    train = [json.loads(line)["label"] for line in (data_folder / "train.jsonl").read_text().splitlines()]
    frequent = LABELS.index(max(LABELS, key=train.count))
    monkeypatch.setattr(FromEntailment, "_of_texts", lambda self, texts, *rest: np.eye(3)[[frequent] * len(texts)])
    with pytest.raises(ModelError) as refused:
        label(given(tiny_recipe, nli()), tmp_path / "run")
    assert str(refused.value).endswith(
        "A student would learn noise from it. Try another teacher.zero_shot.template or words for the labels, or another "
        "model. To go on all the same: --set teacher.allow_weak=true"
    )


def test_a_split_without_rows(nli, tmp_path):
    logits, _ = source(nli()).answer(rows().without_test(), tmp_path, Reporter(), kept=tmp_path / "asked")
    assert (logits["test"].shape, logits["test"].dtype) == ((0, 3), np.float32)


def test_a_whole_run(tiny_recipe, nli, tmp_path):
    recipe, run, stages = given(tiny_recipe, nli(), allow_weak=True), tmp_path / "run", Stages()
    report = distill(recipe, run, reporter=stages)
    assert stages.begun.count("zero-shot teacher") == 1
    teacher = report["models"]["teacher"]
    assert teacher["parameters"] > 0
    assert (teacher["bytes"], teacher["latency_ms"]) == (None, None)
    assert report["data"]["notes"][0] == (
        "The teacher is a zero-shot model: it reads a text once for each of 3 sentences, such as 'it is bad .'. Its latency "
        "was not measured."
    )
    again = Stages()
    distill(recipe, run, reporter=again)
    assert again.begun == []
    assert diagnose(recipe).estimates


@pytest.mark.parametrize("template", ["no place", "{} and {}", "{0}"])
def test_a_template_has_one_place_for_the_label(template):
    with pytest.raises(RecipeError, match="teacher.zero_shot.template: must hold {} once, where the label stands"):
        Recipe.from_dict({
            "data": {"source": "x", "text": "text", "label": "label"},
            "teacher": {"zero_shot": {"model": "a/b", "template": template}},
        })  # fmt: skip
