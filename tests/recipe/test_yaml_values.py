"""Text stays text where the schema says so, and nowhere else."""

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from alambique.errors import RecipeError
from alambique.recipe.recipe import Recipe
from alambique.recipe.yaml_values import read_yaml, text_paths


class Inner(BaseModel):
    name: str = ""
    size: int = 0


class Other(BaseModel):
    kind: Literal["other"] = "other"
    note: Annotated[str | None, Field(min_length=1)] = None


class Schema(BaseModel):
    version: str | None = None
    rate: float = 0
    words: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    renamed: dict[str, str] = {}
    inner: Inner | Other | None = None
    choice: Literal["true", "false"] = "true"
    layers: int | tuple[int, ...] = 1


TEXTS = text_paths(Schema)


def test_the_text_keys_are_those_whose_type_is_text():
    assert text_paths(Schema) == {("version",), ("words",), ("renamed",), ("inner", "name"), ("inner", "note")}


def test_the_text_keys_of_the_recipe():
    assert text_paths(Recipe) == {
        ("data", "source"), ("data", "subset"), ("data", "revision"), ("data", "text"), ("data", "label"),
        ("data", "label_separator"), ("decide", "class"), ("decide", "thresholds"), ("student", "static", "encoder"),
        ("data", "label_groups"), ("data", "label_order"), ("data", "metadata"), ("data", "columns"),
        ("data", "encoding"), ("data", "unlabelled"), ("teacher", "model"), ("student", "model"),
        ("teacher", "probabilities"), ("teacher", "zero_shot", "model"), ("teacher", "zero_shot", "template"),
        ("teacher", "zero_shot", "words"), ("teacher", "endpoint", "url"), ("teacher", "endpoint", "model"),
        ("teacher", "endpoint", "instructions"), ("teacher", "endpoint", "api_key_env"),
        ("soft_labels", "views", "model"), ("teacher", "class_weights"), ("student", "class_weights"),
        ("verdict", "metric", "class"), ("verdict", "metric_for_best_epoch", "class"),
    }  # fmt: skip


def test_a_new_text_key_keeps_its_characters_by_its_declaration_alone():
    text = "version: 1.10\nrate: 1.10\nwords: [true, 010, ~, 1e5]\nrenamed: {no: off, 3: null}\ninner: {name: 007, size: 7}"
    assert read_yaml(text, where="x", texts=TEXTS) == {
        "version": "1.10",
        "rate": 1.1,
        "words": ["true", "010", "~", "1e5"],
        "renamed": {"no": "off", "3": "null"},
        "inner": {"name": "007", "size": 7},
    }


@pytest.mark.parametrize("nothing", ["", "~", "null", "Null", "NULL"])
def test_nothing_is_null_for_a_text_key_itself(nothing):
    assert read_yaml(f"version: {nothing}\nrate: {nothing}", where="x", texts=TEXTS) == {"version": None, "rate": None}
    assert read_yaml("version: 'null'", where="x", texts=TEXTS) == {"version": "null"}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("1", 1), ("-1", -1), ("+1", 1), ("010", 10), ("1.0", 1.0), ("5e-5", 5e-5), (".5", 0.5), ("1.", 1.0), ("1E3", 1e3),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("tRUE", "tRUE"), ("yes", "yes"), ("on", "on"),
        ("1_000", "1_000"), ("0x10", "0x10"), ("0o7", "0o7"), (".inf", ".inf"), (".nan", ".nan"), ("12:30", "12:30"),
        ("2001-01-01", "2001-01-01"), ("'3'", "3"), ('"true"', "true"), ("1e400", float("inf")), ("9" * 25, 1e25),
    ],
)  # fmt: skip
def test_other_scalars_follow_the_core_schema_of_yaml_1_2(written, value):
    read = read_yaml(f"rate: {written}", where="x", texts=TEXTS)["rate"]
    assert (type(read), read) == (type(value), value)


def test_a_value_below_a_path_knows_where_it_stands():
    assert read_yaml("[true, 1]", where="x", texts=TEXTS, path=("words",)) == ["true", "1"]
    assert read_yaml("[true, 1]", where="x", texts=TEXTS, path=("layers",)) == [True, 1]
    assert read_yaml("1", where="x", texts=TEXTS, path=("renamed", "a", "b")) == "1"


def test_lines_are_named():
    with pytest.raises(RecipeError) as refused:
        read_yaml("rate: 1\nwords: [a]\nrate: 2\n", where="my.yaml", texts=TEXTS)
    assert str(refused.value) == "my.yaml, line 3: rate is given twice."
