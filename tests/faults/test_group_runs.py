"""A whole run by two processes, and by one: the same report but for times and rounding."""

import json

import pytest
import torch
from groups import GroupSlice
from processes import LONGEST, Slice
from sameness import files, report_but_for_times
from transformers import BertConfig, BertForSequenceClassification

from alambique.models.labels import label_config
from alambique.models.tokenizer import save_tokenizer, train_wordpiece
from conftest import LABELS, rows, write_jsonl

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("drawn_figures")]
SETS = (
    "data.max_length=32", "teacher.learning_rate=0.003", "teacher.epochs=3", "teacher.allow_weak=true",
    "student.from_teacher={architecture: same, layers: 1}", "student.learning_rate=0.003", "student.epochs=3",
    "soft_labels.folds=2", "export.formats=[]",
)  # fmt: skip


@pytest.fixture
def command(tmp_path):
    """Arguments of a run without dropout, which each process draws for itself."""
    tokenizer = train_wordpiece([row["text"] for row in rows(300, 5)], vocabulary=300)
    torch.manual_seed(2)
    config = BertConfig(
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32,
        max_position_embeddings=64, hidden_dropout_prob=0, attention_probs_dropout_prob=0, **label_config(LABELS),
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(tmp_path / "start")
    save_tokenizer(tokenizer, tmp_path / "start")
    for name, count in (("train", 120), ("valid", 70), ("test", 60)):
        write_jsonl(tmp_path / f"{name}.jsonl", rows(count, len(name)))
    (tmp_path / "mine.yaml").write_text(
        f"data: {{source: {tmp_path}, text: text, label: label}}\nteacher: {{model: {tmp_path / 'start'}}}\n"
    )
    return lambda out: [
        "distill", tmp_path / "mine.yaml", "--out", tmp_path / out, *(part for one in SETS for part in ("--set", one)),
    ]  # fmt: skip


def test_two_processes_come_to_the_report_of_one(command, tmp_path):
    alone = Slice(command("one"), tmp_path / "said", forked=True)
    assert alone.wait() == 0, alone.err()
    group = GroupSlice(command("two"), tmp_path / "said two")
    assert group.wait(LONGEST) == [0, 0], group.messages()
    assert group.messages() == []
    assert "2 processes train together" in group.first.err()
    assert files(tmp_path / "two") == files(tmp_path / "one")
    ours, theirs = (
        report_but_for_times(json.loads((tmp_path / out / "report.json").read_text())) for out in ("two", "one")
    )
    same(ours, theirs)
    for name in ("teacher", "student", "undistilled"):
        ours, theirs = (json.loads((tmp_path / out / name / "history.json").read_text()) for out in ("two", "one"))
        for our, their in zip(ours, theirs, strict=True):
            assert our == pytest.approx(their, rel=0, abs=1e-5)


def same(ours, theirs, where="report"):
    """Whether two reports are the same; figures up to rounding."""
    if isinstance(theirs, dict):
        assert ours.keys() == theirs.keys(), where
        for name, value in theirs.items():
            same(ours[name], value, f"{where}.{name}")
    elif isinstance(theirs, list):
        assert len(ours) == len(theirs), where
        for number, value in enumerate(theirs):
            same(ours[number], value, f"{where}.{number}")
    elif isinstance(theirs, float):
        # of a row at the edge of two bins, rounding decides in which it is
        rounding = 0.03 if "calibration" in where else 1e-5
        assert ours == pytest.approx(theirs, rel=1e-4, abs=rounding), where
    else:
        assert ours == theirs, where
