"""What is read of a recorded recipe, whatever version wrote it."""

import pytest
from pydantic import ValidationError
from report_samples import plain_report

from alambique.report.recorded_recipe import RecordedDistillation, RecordedRecipe


def recorded(**data):
    raw = plain_report()["recipe"]
    return RecordedRecipe.model_validate(raw | {"data": raw["data"] | data, "later": 1})


def test_the_source_of_several_files_is_that_of_train():
    assert recorded().data.first_source == "reviews"
    assert recorded(source={"valid": "v.csv", "train": "t.csv"}).data.first_source == "t.csv"
    assert recorded(source=["a.csv", "b.csv"]).data.first_source == "a.csv"
    assert recorded(source={"test": "v.csv", "train": ["t-1.csv", "t-2.csv"]}).data.first_source == "t-1.csv"


def test_two_columns_or_metadata_make_a_pair():
    assert not recorded().data.pairs
    assert recorded(text=["premise", "hypothesis"]).data.pairs
    assert recorded(metadata=["speaker"]).data.pairs


@pytest.mark.parametrize(
    ("labelling", "replaced"),
    [
        ({}, False),
        ({"soft_labels": {}}, False),
        ({"soft_labels": {"views": 4}}, False),
        ({"soft_labels": {"views": {"count": 4, "dropout": 0.2}}}, False),
        ({"soft_labels": {"views": {"count": 4, "dropout": 0.1, "model": "a/b", "replace": 0.15}}}, True),
    ],
)
def test_whether_words_were_replaced(labelling, replaced):
    assert RecordedRecipe.model_validate(plain_report()["recipe"] | labelling).soft_labels.words_replaced is replaced


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        ("kl", "kl"),
        ({"name": "js"}, "js"),
        ({"name": "dkd", "alpha": 1.0, "beta": 8.0}, "dkd (alpha 1.0, beta 8.0)"),
    ],
)
def test_a_loss_in_words(loss, words):
    assert RecordedDistillation(loss=loss, temperature=2.0, hard_label_weight=0.5).loss_words == words


def test_values_that_move_in_words():
    still = RecordedDistillation(loss="kl", temperature=2.0, hard_label_weight=0.5)
    assert (still.temperature_words, still.hard_label_weight_words) == ("2.0", "0.5")
    moving = RecordedDistillation(loss="kl", temperature=[4.0, 1.0], hard_label_weight=[0.2, 0.8])
    assert (moving.temperature_words, moving.hard_label_weight_words) == ("4.0 to 1.0", "0.2 to 0.8")


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, None),
        ({"features": "hidden", "feature_weight": 0.01}, "hidden (weight 0.01)"),
        (
            {
                "features": {"name": "relations", "layers": {"2": 5}, "weight": 0.1, "heads": None},
                "feature_weight": 0.01,
            },
            "relations (weight 0.1, layers 2 from 5)",
        ),
    ],
)
def test_a_feature_loss_in_words(keys, words):
    made = RecordedDistillation(loss="kl", temperature=2.0, hard_label_weight=0.5, **keys)
    assert made.feature_words == words


def test_a_key_that_is_read_must_be_there():
    with pytest.raises(ValidationError, match=r"data.max_length\n  Field required"):
        raw = plain_report()["recipe"]
        del raw["data"]["max_length"]
        RecordedRecipe.model_validate(raw)


def test_one_teacher_is_a_mapping_and_several_are_a_list():
    raw = plain_report()["recipe"]
    for teacher, models in (({"model": "a/b"}, ["a/b"]), ([{"model": "a/b"}, {"model": None}], ["a/b", None])):
        recipe = RecordedRecipe.model_validate(raw | {"teacher": teacher})
        assert [each.model for each in recipe.teachers] == models
