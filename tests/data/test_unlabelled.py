import numpy as np
import pytest

from alambique.artefacts.splits import Split, Splits
from alambique.artefacts.unlabelled import Counts
from alambique.data import streaming
from alambique.data.quickstart import UNLABELLED
from alambique.data.unlabelled import locate_unlabelled, new_rows
from alambique.errors import DataError
from alambique.recipe.sections import Data


def split(name, *texts):
    return Split(
        name, tuple(f"{name}-{i}" for i in range(len(texts))), texts, None, np.zeros(len(texts), dtype=np.int64)
    )


SPLITS = Splits(split("train", "a lamp"), split("valid", "a door"), split("test", "a kettle"), ("x", "y"))


def source(path, **more):
    return locate_unlabelled(
        Data.model_validate({"source": "x", "text": ("text",), "label": "y", "unlabelled": str(path), **more})
    )


def rows_of(found, counts=None):
    parts = list(new_rows(found, SPLITS, counts or Counts()))
    return [text for part in parts for text in part.texts], parts


def test_only_new_texts_are_taken_and_the_others_are_counted(tmp_path, monkeypatch):
    monkeypatch.setattr("alambique.data.unlabelled.ROWS", 4)
    monkeypatch.setattr(streaming, "ROWS", 4)
    path = tmp_path / "more.csv"
    path.write_text('text\nA  Lamp\na door\nA KETTLE\na garden\n""\na Garden\na window\na table\na window\n')
    counts = Counts()
    texts, parts = rows_of(source(path), counts)
    assert texts == ["a garden", "a window", "a table"]
    assert counts == Counts(read=8, empty=0, scored=2, train=1, repeated=2, rows=3)  # a blank line is no row of a CSV
    assert counts.sentence() == "Left out: 2 are also in valid or test, 1 are also in train, 2 repeat an earlier one."
    assert {label for part in parts for label in part.labels.tolist()} == {-100}
    assert len({row_id for part in parts for row_id in part.ids}) == 3


def test_ids_do_not_depend_on_the_other_rows(tmp_path):
    (tmp_path / "a.csv").write_text("text\na garden\na window\n")
    (tmp_path / "b.csv").write_text("text\na table\na window\n")
    first, second = (rows_of(source(tmp_path / name))[1][0].ids for name in ("a.csv", "b.csv"))
    assert first[1] == second[1] != second[0]


def test_rows_without_text_are_left_out(tmp_path):
    path = tmp_path / "more.jsonl"
    path.write_text('{"text": "a garden"}\n{"text": null}\n{"text": " "}\n')
    counts = Counts()
    assert rows_of(source(path), counts)[0] == ["a garden"]
    assert (counts.read, counts.empty) == (3, 2)


def test_a_sample_is_the_first_new_rows(tmp_path):
    path = tmp_path / "more.txt"
    path.write_text("a lamp\n" + "".join(f"a garden {n}\n" for n in range(50)))
    assert rows_of(source(path, max_rows=5))[0] == [f"a garden {n}" for n in range(5)]


def test_several_files_and_folders(tmp_path):
    (tmp_path / "more").mkdir()
    for n in range(3):
        (tmp_path / "more" / f"part-{n}.csv").write_text(f"text\na garden {n}\n")
    assert rows_of(source(tmp_path / "more"))[0] == [f"a garden {n}" for n in range(3)]
    assert rows_of(source(tmp_path / "more" / "part-[01].csv"))[0] == ["a garden 0", "a garden 1"]


def test_the_embedded_claims_are_new(tmp_path):
    del tmp_path
    found = locate_unlabelled(
        Data.model_validate({"source": "quickstart", "text": ("claim",), "label": "label", "unlabelled": "quickstart"})
    )
    assert found.digests() == [f"quickstart {UNLABELLED}"]
    counts = Counts()
    texts, _ = rows_of(found, counts)
    assert len(set(texts)) == len(texts) == counts.rows > 0.7 * UNLABELLED
    assert counts.read == UNLABELLED


def test_a_changed_file_has_another_digest(tmp_path):
    path = tmp_path / "more.csv"
    path.write_text("text\na garden\n")
    before = source(path).digests()
    path.write_text("text\na window\n")
    assert source(path).digests() != before


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text\na door\n", "data.unlabelled: no row is left of the 1 read. Left out: 1 are also in valid or test."),
        (
            "sentence\na door\n",
            "{path}: there is no column 'text', which data.text names. The columns are sentence. If the first row is data "
            "and no header, name the columns with data.columns.",
        ),
    ],
)
def test_text_that_cannot_be_used(tmp_path, content, message):
    path = tmp_path / "more.csv"
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        rows_of(source(path))
    assert str(caught.value) == message.format(path=path)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError) as caught:
        source(tmp_path / "none.csv")
    assert str(caught.value) == f"data.unlabelled: there is no file or folder {tmp_path / 'none.csv'}."
