"""Twelve set-ups that fail without a word, each named; and healthy ones, in which nothing is."""

import copy
import dataclasses
import functools
import random

import numpy as np
import pytest
import torch
from transformers import DataCollatorWithPadding

from alambique.artefacts.soft_labels import SoftLabels
from alambique.artefacts.splits import Split, Splits, row_ids
from alambique.doctor.examine import examine
from alambique.inference.torch_model import predict_logits, tokenize
from alambique.models.labels import label_config
from conftest import LABELS, rows

OPPOSITE = {"bad": "good", "good": "bad", "fair": "fair"}


def split_of(name, texts, labels, pairs=None):
    segments = [(text,) for text in texts] if pairs is None else list(zip(texts, pairs, strict=True))
    return Split(name, row_ids(name, segments), tuple(texts), pairs and tuple(pairs), np.array(labels))


def make_splits(*, pairs=False):
    """Three splits that share no text; in pairs, the second text turns the first one's label round."""
    seen, made = set(), []
    for name, count, seed in (("train", 160, 1), ("valid", 80, 2), ("test", 40, 3)):
        chosen = [row for row in rows(count, seed) if not (row["text"] in seen or seen.add(row["text"]))]
        texts, labels = [row["text"] for row in chosen], [row["label"] for row in chosen]
        seconds = None
        if pairs:
            maker = random.Random(seed)
            seconds = [maker.choice(("lamp", "table")) for _ in chosen]
            labels = [OPPOSITE[x] if s == "table" else x for x, s in zip(labels, seconds, strict=True)]
        made.append(split_of(name, texts, [LABELS.index(label) for label in labels], seconds))
    return Splits(*made, LABELS)


def train(model, tokenizer, split, steps=60):
    encoded = tokenize(tokenizer, split.segments(), max_length=32, model=model)
    batch = tokenizer.pad(encoded, return_tensors="pt")
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(steps):
        model(**batch, labels=torch.tensor(split.labels)).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    return model.eval()


@dataclasses.dataclass
class SetUp:
    teacher: object
    student: object
    splits: Splits
    soft_labels: SoftLabels | None
    collator: object

    def codes(self, **options):
        return {f.code for f in self.findings(**options)}

    def findings(self, **options):
        return examine(self.teacher, self.student, self.splits, self.soft_labels, self.collator, **options)

    def found(self, code, **options):
        (finding,) = [f for f in self.findings(**options) if f.code == code]
        return finding


_trained = {}


@pytest.fixture
def healthy(tiny_bert, tiny_distilbert, tokenizer):
    def build(*, pairs=False):
        splits = make_splits(pairs=pairs)
        teacher = tiny_bert(dropout=0.1)
        if pairs not in _trained:
            _trained[pairs] = train(copy.deepcopy(teacher), tokenizer, splits.train).state_dict()
        teacher.load_state_dict(_trained[pairs])
        reader = copy.deepcopy(tokenizer)
        reader.model_max_length = 32
        logits = predict_logits(teacher, tokenizer, splits.train.segments(), max_length=32)
        soft = SoftLabels(splits.train.ids, logits, LABELS, {})
        return SetUp(teacher, tiny_distilbert(dropout=0.1), splits, soft, DataCollatorWithPadding(reader))

    return build


@pytest.mark.parametrize("pairs", [False, True])
def test_a_healthy_set_up_has_no_findings_and_is_left_as_it_was(healthy, pairs):
    it = healthy(pairs=pairs)
    it.student.train()
    it.student.classifier.bias.grad = torch.ones(3)
    models = (it.teacher, it.student)
    before = [copy.deepcopy(model.state_dict()) for model in models]
    backend = it.collator.tokenizer.backend_tokenizer.to_str()
    random_state = torch.get_rng_state()

    assert it.findings() == []

    for model, weights in zip(models, before, strict=True):
        assert all(torch.equal(weights[name], value) for name, value in model.state_dict().items())
        assert all(weight.requires_grad for weight in model.parameters())
    assert all(weight.grad is None for weight in it.teacher.parameters())
    gradients = {name for name, weight in it.student.named_parameters() if weight.grad is not None}
    assert gradients == {"classifier.bias"}
    assert torch.equal(it.student.classifier.bias.grad, torch.ones(3))
    assert not any(module.training for module in it.teacher.modules())
    assert all(module.training for module in it.student.modules())
    assert it.collator.tokenizer.backend_tokenizer.to_str() == backend
    assert torch.equal(torch.get_rng_state(), random_state)


def test_other_healthy_forms(healthy, tiny_bert):
    it = healthy()
    collator = it.collator
    it.soft_labels = None

    def function(rows):
        return collator(rows)

    it.collator = function
    assert it.codes() == set()
    it.collator = functools.partial(lambda rows, pad: pad(rows), pad=collator)
    assert it.codes() == set()
    it.student = tiny_bert(layers=1)
    torch.nn.init.zeros_(it.student.classifier.weight)  # passes no gradient on in its first step, and does in the next
    assert it.codes() == set()
    students = copy.deepcopy(collator)
    students.tokenizer.model_input_names = ["input_ids", "attention_mask"]
    assert it.codes(student_collator=students) == set()


def reverse_names(config):
    config.update(label_config(LABELS[::-1]))


def reverse_head(model):
    with torch.no_grad():
        model.classifier.weight.copy_(model.classifier.weight.flip(0))
        model.classifier.bias.copy_(model.classifier.bias.flip(0))


# 1
def test_reversed_label_map(healthy):
    it = healthy()
    reverse_names(it.teacher.config)
    finding = it.found("reversed-label-map")
    assert it.codes() == {"reversed-label-map"}
    assert finding.where == "teacher"
    assert "its labels are good, fair, bad; the data's are bad, fair, good" in finding.message

    reverse_head(it.teacher)  # names and head agree now, and both differ from the data's
    assert it.codes() == {"reversed-label-map"}


def test_reversed_label_map_elsewhere(healthy):
    it = healthy()
    reverse_head(it.teacher)  # the names are as they should be; only what it answers tells
    assert (it.codes(), it.found("reversed-label-map").where) == ({"reversed-label-map"}, "teacher")
    it = healthy()
    it.teacher.config.label2id = {name: 2 - i for i, name in enumerate(LABELS)}
    assert it.codes() == {"reversed-label-map"}
    it = healthy()
    reverse_names(it.student.config)
    assert (it.codes(), it.found("reversed-label-map").where) == ({"reversed-label-map"}, "student")
    it = healthy()
    it.soft_labels = dataclasses.replace(it.soft_labels, label_names=LABELS[::-1])
    assert (it.codes(), it.found("reversed-label-map").where) == ({"reversed-label-map"}, "soft_labels")
    it = healthy()
    it.soft_labels = dataclasses.replace(it.soft_labels, logits=it.soft_labels.logits[:, ::-1].copy())
    assert (it.codes(), it.found("reversed-label-map").where) == ({"reversed-label-map"}, "soft_labels")


# 2
def test_raw_encoder_as_teacher(healthy, tiny_bert):
    it = healthy()
    for layers in range(1, 6):  # five draws of a head
        it.teacher, it.soft_labels = tiny_bert(layers=layers), None
        assert it.codes() == {"head-not-trained"}
    assert "this is a raw encoder" in it.found("head-not-trained").message
    assert it.codes(teacher_trained=False) == set()


# 3
def test_teacher_left_in_train_mode(healthy):
    it = healthy()
    it.teacher.train()
    assert it.codes() == {"teacher-in-train-mode"}
    assert "two passes over the same rows differ by" in it.found("teacher-in-train-mode").message
    assert all(module.training for module in it.teacher.modules())
    it.teacher.eval()
    it.teacher.bert.encoder.layer[0].train()  # a part is enough
    assert it.codes() == {"teacher-in-train-mode"}


# 4
class DropsTypes:
    def __init__(self, collator):
        self.tokenizer, self.collator = collator.tokenizer, collator

    def __call__(self, rows):
        batch = self.collator(rows)
        del batch["token_type_ids"]
        return batch


@pytest.mark.parametrize("pairs", [False, True])
def test_dropped_token_type_ids(healthy, pairs):
    it = healthy(pairs=pairs)
    it.collator = DropsTypes(it.collator)
    assert it.codes() == {"dropped-token-types"}
    assert ("logits are off by" in it.found("dropped-token-types").message) == pairs


def test_a_tokenizer_that_makes_no_token_types(healthy):
    for pairs in (False, True):  # for single texts they are all 0, and nothing is lost
        it = healthy(pairs=pairs)
        it.collator.tokenizer.model_input_names = ["input_ids", "attention_mask"]
        assert it.codes() == ({"dropped-token-types"} if pairs else set())


# 5
def test_nan_logits(healthy):
    it = healthy()
    it.soft_labels.logits[3, 1] = np.nan
    assert (it.codes(), it.found("nan-logits").where) == ({"nan-logits"}, "soft_labels")
    assert f"in 1 of {len(it.splits.train)} rows" in it.found("nan-logits").message
    it = healthy()
    with torch.no_grad():
        it.teacher.classifier.bias[0] = float("nan")
    assert (it.codes(), it.found("nan-logits").where) == ({"nan-logits"}, "teacher")


# 6
def test_constant_logits(healthy):
    it = healthy()
    it.soft_labels.logits[:] = it.soft_labels.logits[0]
    assert (it.codes(), it.found("constant-logits").where) == ({"constant-logits"}, "soft_labels")
    it = healthy()
    torch.nn.init.zeros_(it.teacher.classifier.weight)
    assert (it.codes(), it.found("constant-logits").where) == ({"constant-logits"}, "teacher")


# 7
def test_text_column_swapped_with_label(healthy):
    it = healthy()
    made = []
    names = tuple(dict.fromkeys(text for split in it.splits for text in split.texts))
    for split in it.splits:
        texts = [LABELS[label] for label in split.labels]
        made.append(split_of(split.name, texts, [names.index(text) for text in split.texts]))
    it.splits, it.soft_labels = Splits(*made, names), None
    swapped = [f.where for f in it.findings() if f.code == "text-label-swapped"]
    assert swapped == ["train", "valid", "test"]

    it = healthy()  # the label column as text, and as label too
    made = [split_of(s.name, [LABELS[label] for label in s.labels], s.labels) for s in it.splits]
    it.splits, it.soft_labels = Splits(*made, LABELS), None
    assert "text-label-swapped" in it.codes()


# 8
def test_duplicate_ids(healthy):
    it = healthy()
    train = dataclasses.replace(it.splits.train, ids=(it.splits.train.ids[1], *it.splits.train.ids[1:]))
    it.splits, it.soft_labels = dataclasses.replace(it.splits, train=train), None
    assert it.codes() == {"duplicate-ids"}
    assert it.found("duplicate-ids").row_ids == (train.ids[0],)
    it = healthy()
    ids = (it.soft_labels.ids[1], *it.soft_labels.ids[1:])
    it.soft_labels = dataclasses.replace(it.soft_labels, ids=ids)
    assert it.codes() == {"duplicate-ids", "soft-labels-rows"}


# 9
def with_rows_of(split, other):
    texts = (*other.texts[:5], *split.texts[5:])
    return split_of(split.name, texts, [*other.labels[:5], *split.labels[5:]])


@pytest.mark.parametrize(
    ("into", "out_of", "code"),
    [
        ("test", "train", "shared-with-train"),
        ("valid", "train", "shared-with-train"),
        ("test", "valid", "shared-with-valid"),
    ],
)
def test_shared_rows(healthy, into, out_of, code):
    it = healthy()
    splits = {split.name: split for split in it.splits}
    it.splits = dataclasses.replace(it.splits, **{into: with_rows_of(splits[into], splits[out_of])})
    assert it.codes() == {code}
    assert (it.found(code).where, it.found(code).count) == (into, 5)


# 10
class Cuts(DropsTypes):
    def __call__(self, rows):
        return self.collator([{n: v if n == "labels" else v[:3] for n, v in row.items()} for row in rows])


def test_everything_cut(healthy):
    it = healthy()
    it.collator.tokenizer.model_max_length = 4
    wheres = [f.where for f in it.findings() if f.code == "everything-cut"]
    assert wheres == ["train", "valid", "test"]
    it = healthy()
    assert "everything-cut" in it.codes(max_length=4)
    it.collator.tokenizer.backend_tokenizer.enable_truncation(4)
    assert "everything-cut" in it.codes()
    it = healthy()
    it.collator = Cuts(it.collator)
    assert "everything-cut" in it.codes()


# 11
class CountsPads(DropsTypes):
    def __call__(self, rows):
        batch = self.collator(rows)
        batch["attention_mask"] = torch.ones_like(batch["input_ids"])
        return batch


def test_pads_counted_as_text(healthy):
    it = healthy()
    it.collator = CountsPads(it.collator)
    assert it.codes() == {"pads-as-text"}
    it = healthy()
    it.collator.tokenizer.model_input_names = ["input_ids", "token_type_ids"]
    assert it.codes() == {"pads-as-text"}
    assert "is absent" in it.found("pads-as-text").message


# 12
def test_a_student_that_cannot_move(healthy):
    it = healthy()
    it.student.requires_grad_(False)  # noqa: FBT003 - torch's
    assert it.codes() == {"student-cannot-move"}
    finding = it.found("student-cannot-move")
    assert finding.where == "student"
    assert "have requires_grad=False" in finding.message

    it = healthy()
    it.student.distilbert.transformer.layer[0].requires_grad_(False)  # noqa: FBT003
    finding = it.found("student-cannot-move")
    assert finding.where == "student.distilbert.transformer.layer.0"
    assert "distilbert.transformer.layer.0.attention.q_lin.weight" in finding.message

    it = healthy()
    for weight in it.student.distilbert.transformer.layer[0].output_layer_norm.parameters():
        torch.nn.init.zeros_(weight)
    it.student.distilbert.transformer.layer[0].output_layer_norm.requires_grad_(False)  # noqa: FBT003
    assert it.codes() == {"student-cannot-move"}

    it = healthy()
    it.student.forward = torch.no_grad()(it.student.forward)
    assert it.codes() == {"student-cannot-move"}


def test_other_findings(healthy):
    it = healthy()
    it.student.distilbert.embeddings.word_embeddings = it.teacher.bert.embeddings.word_embeddings
    assert it.codes() == {"teacher-not-frozen"}
    it = healthy()
    it.student.config.update(label_config(("LABEL_0", "LABEL_1", "LABEL_2")))
    assert it.codes() == {"labels-unnamed"}
    it = healthy()
    it.teacher.config.update(label_config(("x", "y", "z")))
    assert it.codes() == {"label-mismatch"}
    it = healthy()
    it.soft_labels = dataclasses.replace(it.soft_labels, ids=it.soft_labels.ids[:-2], logits=it.soft_labels.logits[:-2])
    assert it.codes() == {"soft-labels-rows"}
    it.soft_labels = dataclasses.replace(it.soft_labels, logits=it.soft_labels.logits[:, :2])
    assert it.codes() == {"soft-labels-shape"}
    it = healthy()
    it.splits = dataclasses.replace(
        it.splits, valid=dataclasses.replace(it.splits.valid, labels=it.splits.valid.labels + 1)
    )
    assert "labels-out-of-range" in it.codes()
    it = healthy()
    with torch.no_grad():
        it.student.classifier.bias[0] = float("nan")
    assert it.codes() == {"student-nan"}


def test_a_collator_without_a_tokenizer_is_refused_with_advice(healthy):
    it = healthy()
    it.collator = len
    with pytest.raises(TypeError, match="set collator.tokenizer = tokenizer"):
        it.findings()
