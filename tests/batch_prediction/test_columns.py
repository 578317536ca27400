import pyarrow as pa
import pytest

from alambique.batch_prediction.columns import AddedColumns, check_text, segments_of, text_of
from alambique.data.liar import COLUMNS
from alambique.errors import DataError, UserInputError
from alambique.recipe.recipe import Recipe

WHY = "not_classified"


def section(**keys):
    return Recipe.from_dict({"data": {"source": "x.csv", "label": "label", "text": "text", **keys}}).data


def segments(columns, data, reasons=None):
    table = pa.table(columns)
    return segments_of(table.append_column(WHY, pa.array(reasons or [None] * len(table), pa.string())), data, WHY)


def test_each_row_has_its_segments_or_a_reason():
    found, why = segments({"text": ["a", None, ""], "n": [1, 2, 3]}, section())
    assert found == [("a",), ("",), ("",)]
    assert why == [None, "text is null", None]


def test_a_reason_of_the_reader_comes_first():
    assert segments({"text": ["17", None]}, section(), ["text is a number, not text", None])[1] == [
        "text is a number, not text", "text is null",
    ]  # fmt: skip


def test_pairs_and_metadata_are_joined_as_in_training():
    data = section(text=["a", "b"], metadata=["n"])
    found, why = segments({"a": ["x", "y"], "b": ["z", None], "n": [1, None]}, data)
    assert (found[0], why) == (("x", "z; n: 1"), [None, "b is null"])


def test_a_field_of_objects_is_found_in_structures_and_in_json():
    data = section(text="review.text")
    nested = {"review": [{"text": "fine"}, {"text": None}, None]}
    assert segments(nested, data) == ([("fine",), ("",), ("",)], [None, "review.text is null", "review.text is null"])
    as_json = {"review": ['{"text": "fine"}', '{"text": 3}', None]}
    assert segments(as_json, data)[1] == [None, "review.text is a number, not text", "review.text is null"]


def test_categories_are_text():
    assert segments({"text": pa.array(["a", "b", None]).dictionary_encode()}, section())[0][:2] == [("a",), ("b",)]


def test_liars_columns_by_the_hubs_names():
    names = [
        {"job": "job_title", "state": "state_info", "party": "party_affiliation"}.get(name, name) for name in COLUMNS
    ]
    data = text_of(section(text="statement", metadata=["job", "speaker"]), names, [])
    assert (data.text, data.metadata) == (("statement",), ("job_title", "speaker"))
    values = {name: ["v"] for name in names} | {"statement": ["said"], "job_title": ["judge"]}
    assert segments(values, data) == ([("said", "job: judge; speaker: v")], [None])


def test_the_user_names_as_many_columns_as_the_model_reads():
    assert text_of(section(), ["body"], ["body"]).text == ("body",)
    with pytest.raises(UserInputError) as refused:
        text_of(section(), ["a", "b"], ["a", "b"])
    assert str(refused.value) == "--text: the model was trained on one column of text (text); 2 are named."
    with pytest.raises(UserInputError) as refused:
        text_of(section(text=["a", "b"]), ["a", "b"], ["a"])
    assert str(refused.value) == "--text: the model was trained on two columns of text (a, b); 1 are named."


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ([("texts", pa.string()), ("n", pa.int64())],
         "f: there is no column 'text', which the model reads. The columns are texts, n. Did you mean texts? Name the "
         "column of text with --text."),
        ([("n", pa.int64())],
         "f: there is no column 'text', which the model reads. The columns are n. Name the column of text with --text."),
        ([("text", pa.int64())], "f: column 'text', which the model reads as text, is of type int64."),
    ],
)  # fmt: skip
def test_a_file_without_the_text_is_refused(fields, message):
    with pytest.raises(DataError) as refused:
        check_text("f", pa.schema(fields), section())
    assert str(refused.value) == message


def test_columns_of_the_input_keep_their_names():
    added = AddedColumns("p_", scores=True)
    assert added.types(["bad", "good"]) == {
        "p_label": pa.string(), "p_probability": pa.float32(),
        "p_scores": pa.struct([("bad", pa.float32()), ("good", pa.float32())]), "p_not_classified": pa.string(),
    }  # fmt: skip
    added.check(["label", "probability"])
    with pytest.raises(UserInputError) as refused:
        AddedColumns().check(["text", "probability"])
    assert str(refused.value) == (
        "The input has a column 'probability' already, which is what the predictions would be called. Put something before "
        "their names, as in --prefix predicted_."
    )
