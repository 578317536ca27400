import pytest
import torch

from alambique.errors import ModelError
from alambique.models.labels import label_config, label_names_of, match_labels, plain_names, reorder_labels
from conftest import LABELS


def test_label_entries_of_a_config():
    assert label_config(("no", "yes")) == {
        "num_labels": 2, "id2label": {0: "no", 1: "yes"}, "label2id": {"no": 0, "yes": 1},
        "problem_type": "single_label_classification",
    }  # fmt: skip


def test_names_come_by_index_however_the_config_orders_them(tiny_bert):
    model = tiny_bert()
    model.config.id2label = {"2": "good", "0": "bad", "1": "fair"}  # as JSON has them
    assert label_names_of(model) == ["bad", "fair", "good"]
    model.config.id2label = None
    assert label_names_of(model) == []


@pytest.mark.parametrize(
    ("own", "wanted", "order"),
    [
        (["a", "b", "c"], ("c", "a", "b"), [2, 0, 1]),
        (["Pants on Fire", "TRUE"], ("true", "pants-on_fire"), [1, 0]),
        (["LABEL_0", "LABEL_1"], ("1", "0"), [1, 0]),
        (["Spam", "spam", "ham"], ("Spam", "ham", "spam"), [0, 2, 1]),  # the very same names
        (["3", "label_3"], ("label_3", "3"), [1, 0]),
        (["1.0", "2.0", "-3.0"], ("2", "-3", "1"), [1, 2, 0]),
        (["1.0", "1.5"], ("1.5", "1"), [1, 0]),
    ],
)
def test_labels_match_by_name(own, wanted, order):
    assert match_labels(own, wanted) == order


def test_labels_that_do_not_match():
    with pytest.raises(ModelError) as caught:
        match_labels(["positive", "negative"], ("bad", "good"))
    assert str(caught.value) == (
        "teacher.model: the teacher's labels are positive, negative, the data's bad, good: they do not match by name. "
        "Map the data's names to the teacher's with data.label_groups, or set teacher.fine_tune to true."
    )


@pytest.mark.parametrize(
    ("own", "wanted", "twins"),
    [
        (["US", "us"], ("US", "Us"), "US and us"),
        (["a b", "c"], ("a-b", "A_B"), "a-b and A_B"),
        (["3", "label_3"], ("3", "03"), "3 and label_3"),
    ],
)
def test_names_that_could_be_matched_in_two_ways_are_refused(own, wanted, twins):
    with pytest.raises(ModelError) as caught:
        match_labels(own, wanted)
    assert str(caught.value) == (
        f"teacher.model: the teacher's labels are {', '.join(own)}, the data's {', '.join(wanted)}: {twins} differ at most "
        "by case, spaces, hyphens or underscores, so they cannot be matched by name. Write the data's names into id2label "
        "of the teacher's config.json."
    )


def test_names_in_a_config_become_text(tiny_bert):
    config = tiny_bert().config
    config.id2label, config.label2id = {0: 0, 1: 1, 2: True}, {"0": 0, "1": 1}
    plain_names(config, key="teacher.model (brought)")
    assert (config.id2label, config.label2id) == ({0: "0", 1: "1", 2: "True"}, {"0": 0, "1": 1, "True": 2})
    config.id2label = {1: "a", 2: "b", 3: "c"}
    with pytest.raises(ModelError) as caught:
        plain_names(config, key="teacher.model (brought)")
    assert str(caught.value) == (
        "teacher.model (brought): id2label of its config.json numbers its classes 1, 2, 3; they must be numbered from 0 on, "
        "in the order of the logits."
    )


def test_a_teacher_that_names_no_labels():
    with pytest.raises(ModelError) as caught:
        match_labels(["LABEL_0", "LABEL_1"], ("bad", "good"))
    assert str(caught.value) == (
        "teacher.model: the teacher's labels are LABEL_0, LABEL_1, the data's bad, good: they do not match by name. "
        "Its config names no labels; write them into id2label of its config.json, in its own order."
    )


def test_reordering_permutes_the_logits_and_the_names(tiny_bert, tiny_distilbert):
    for model in (tiny_bert(labels=("good", "bad", "fair")), tiny_distilbert(labels=("good", "bad", "fair"))):
        ids = torch.tensor([[2, 8, 9, 3]])
        with torch.no_grad():
            before = model(ids).logits
            reorder_labels(model, LABELS)
            after = model(ids).logits
        assert torch.equal(after, before[:, [1, 2, 0]])
        assert model.config.id2label == {0: "bad", 1: "fair", 2: "good"}


def test_an_end_token_beyond_the_vocabulary_does_not_matter(tiny_bert):
    model = tiny_bert()
    model.config.eos_token_id = model.config.vocab_size  # a default of the architecture, as ModernBERT has
    names = tuple(label_names_of(model))
    reorder_labels(model, names[::-1])
    assert tuple(label_names_of(model)) == names[::-1]


def test_a_model_whose_last_layer_is_not_the_last_step_cannot_be_reordered(tiny_bert):
    model = tiny_bert(labels=("good", "bad", "fair"))
    model.classifier.register_forward_hook(lambda module, inputs, logits: logits + torch.tensor([0.0, 1.0, 2.0]))
    with pytest.raises(ModelError) as caught:
        reorder_labels(model, LABELS)
    assert str(caught.value) == (
        "teacher.model: the classes of a BertForSequenceClassification cannot be put into the data's order. Name them in "
        "that order with data.label_order."
    )
    assert model.config.id2label == {0: "good", 1: "bad", 2: "fair"}
