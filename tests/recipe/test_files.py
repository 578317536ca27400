"""Which file the name of a recipe means, and what is said of a name that means none."""

import pytest

from alambique.data.files import SUFFIXES
from alambique.data.formats.content import ENDINGS
from alambique.errors import RecipeError
from alambique.recipe.files import DATA_ENDINGS, PACKED, shipped_recipes
from alambique.recipe.recipe import Recipe


def load_message(name):
    with pytest.raises(RecipeError) as caught:
        Recipe.load(name)
    return str(caught.value)


def test_the_shipped_recipes_have_a_line_each():
    assert shipped_recipes() == {
        "liar": "BERT → DistilBERT on LIAR, six-way truthfulness; models and data from the Hub",
        "liar-small": "LIAR with the MiniLM encoder that a package carries (extra: offline) and a 3-layer DistilBERT "
        "student",
        "liar-three": "As liar, three-way: true, false, or no basis for a conclusion",
        "quickstart": "Embedded claims, a few with labels and many without, and tiny models: the whole pipeline in about "
        "80 seconds, offline",
    }


def test_not_utf8(tmp_path):
    file = tmp_path / "old.yaml"
    file.write_bytes("# é\n".encode("latin-1"))
    assert load_message(file) == f"{file} is not a recipe: it is not UTF-8 text."


@pytest.mark.parametrize("name", ["lair", "", "../liar", "liar.yaml", "runs/liar"])
def test_an_unknown_recipe(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert load_message(name) == (
        f"{name} is neither a recipe file nor a shipped recipe. The shipped ones are liar, liar-small, liar-three, "
        "quickstart."
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("my reviews.csv", b"text,label\na lamp,good\n"),
        ("r.CSV.gz", b"\x1f\x8b\x08\x00"),
        ("r.parquet", b"PAR1"),
        ("r.txt", b"__label__good a lamp\n"),
        ("r.json", b'{"version": 1, "data": [{"text": "a"}]}'),
        ("r.jsonl", b'{"data": "a lamp", "label": "good"}\n'),
        ("data.tsv", b"data\tlabel\n"),
    ],
)
def test_a_data_file_where_a_recipe_is_expected(tmp_path, monkeypatch, name, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(content)
    command = "alambique init 'my reviews.csv'" if " " in name else f"alambique init {name}"
    assert load_message(name) == f"{name} is a data file, not a recipe. To write a recipe for it: {command}"


@pytest.mark.parametrize(("name", "content"), [
    ("r.json", '{"data": {"source": "acme/claims", "text": "t", "label": "l"}}'),
    ("r.txt", "# mine\ndata:\n  source: acme/claims\n  text: t\n  label: l\n"),
])  # fmt: skip
def test_a_recipe_may_be_named_as_data_are(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    assert Recipe.load(tmp_path / name).data.source == "acme/claims"


def test_the_endings_of_data_files_are_those_that_are_read():
    assert set(DATA_ENDINGS) == set(SUFFIXES)
    assert set(PACKED) == set(ENDINGS)


def test_a_folder_where_a_recipe_is_expected(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    assert load_message("data") == (
        "data is a folder, not a recipe. If it holds data, write a recipe for it: alambique init data"
    )
    (tmp_path / "data" / "recipe.yaml").touch()
    assert load_message("data") == "data is a folder, not a recipe. Its recipe is data/recipe.yaml."
