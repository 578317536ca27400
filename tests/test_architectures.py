"""The table of docs/models.md: its form here; what it says, architecture by architecture, in the slow tests."""

import re
import runpy
from pathlib import Path

import pytest
from transformers import AutoModelForSequenceClassification, AutoTokenizer

from architectures import (
    ARCHITECTURES,
    COLUMNS,
    FAILS,
    NAMES,
    REFUSED,
    TOKENIZERS,
    WORKS,
    brought,
    cells,
    each_architecture,
)

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "models.md").read_text("utf-8")
GENERATOR = runpy.run_path(str(ROOT / "docs" / "make_models.py"))
ROWS = GENERATOR["parsed"](PAGE)
FIGURE = re.compile(r"\d+(\.\d+)?(e-?\d+)?")


def test_the_page_has_a_row_for_each_architecture_in_order():
    assert tuple(ROWS) == NAMES
    assert len(NAMES) == len(set(NAMES)) == 30
    assert {architecture.tokenizer for architecture in ARCHITECTURES} == set(TOKENIZERS)


def test_each_cell_works_or_is_refused_in_a_sentence():
    for name, row in ROWS.items():
        assert tuple(row) == COLUMNS
        for column, cell in row.items():
            assert cell in (WORKS, "–") or re.fullmatch(rf"{REFUSED}: \S.+\.", cell), (name, column, cell)


def test_what_has_no_student_has_no_export_and_no_other_cell_is_empty():
    for name, row in ROWS.items():
        empty = [column for column, cell in row.items() if cell == "–"]
        assert empty == ([] if row["student"] == WORKS else ["ONNX", "int8", "predict"]), name


def test_the_page_is_written_from_its_rows_and_read_back():
    assert GENERATOR["rendered"](ROWS) == PAGE
    assert GENERATOR["parsed"](GENERATOR["rendered"](ROWS)) == ROWS


def test_a_sentence_that_several_share_is_written_once():
    row = dict.fromkeys(COLUMNS, WORKS) | {"student": "refused: student.model: no.", "ONNX": "–"}
    page = GENERATOR["rendered"]({"BERT": row, "XLNet": {**row, "pairs": "refused: student.model:\n no."}})
    assert page.count("student.model: no.") == 1
    assert (
        "| XLNet | Unigram with <cls> last | works | works | refused (1) | works | – | works | works | refused (1) |"
        in page
    )


def test_a_name_that_is_not_an_architecture(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["make_models.py", "GPT-9"])
    with pytest.raises(SystemExit, match=r"There is no architecture 'GPT-9'. There are: BERT; BERT, cased; "):
        GENERATOR["main"]()


@each_architecture
def test_each_is_saved_as_a_checkpoint_is(architecture, tmp_path):
    brought(architecture, tmp_path)
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert model.config.model_type == architecture.model_type
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    ids = tokenizer("A bright lamp")["input_ids"]
    assert len(ids) > 2
    assert max(ids) < getattr(model.config, "vocab_size", 2**21)  # CANINE reads characters


@pytest.mark.slow
@each_architecture
def test_the_row_is_true(architecture, tmp_path):
    row = cells(architecture, tmp_path)
    assert not [cell for cell in row.values() if cell.startswith(FAILS)], row

    def comparable(cells_of_a_row):
        return {column: FIGURE.sub("#", " ".join(cell.split())) for column, cell in cells_of_a_row.items()}

    assert comparable(row) == comparable(ROWS[architecture.name])
