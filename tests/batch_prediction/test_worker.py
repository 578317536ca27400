import numpy as np
import pyarrow as pa
import pytest

from alambique.batch_prediction import worker as module
from alambique.batch_prediction.columns import AddedColumns
from alambique.batch_prediction.shard_files import keep_shard
from alambique.batch_prediction.shards import cut
from alambique.batch_prediction.worker import Worker
from alambique.inference.classifier import Classifier, open_classifier
from alambique.recipe.recipe import Recipe
from conftest import rows

DATA = Recipe.from_dict({"data": {"source": "x.csv", "label": "label", "text": "text"}}).data


class Counted:
    """Logits that say how long a text is: "good" from five characters on."""

    def __init__(self):
        self.calls = []

    def __call__(self, segments):
        self.calls.append([text for (text,) in segments])
        return np.array([[0.0, len(text) - 4.5] for (text,) in segments], dtype=np.float32)


def worker(logits, **added):
    classifier = Classifier(
        "torch", ("bad", "good"), pairs=False, max_length=128, logits=logits, fit_temperature=lambda: 2.0
    )  # fmt: skip
    return Worker(classifier, DATA, AddedColumns(**added), calibrated=False)


def table(texts, reasons=None):
    whole = pa.table({"n": list(range(len(texts))), "text": pa.array(texts, pa.string())})
    return whole.append_column("not_classified", pa.array(reasons or [None] * len(texts), pa.string()))


def test_predictions_stand_beside_their_rows():
    done = []
    found = worker(Counted(), scores=True).classified(table(["tiny", None, "longer", "tiny"]), done.append)
    assert found.column_names == ["n", "text", "label", "probability", "scores", "not_classified"]
    likely = 1 / (1 + np.exp(-0.5))
    longer = 1 / (1 + np.exp(-1.5))
    assert found["n"].to_pylist() == [0, 1, 2, 3]
    assert found["label"].to_pylist() == ["bad", None, "good", "bad"]
    assert found["probability"].to_pylist() == pytest.approx([likely, None, longer, likely], abs=1e-6)
    assert found["not_classified"].to_pylist() == [None, "text is null", None, None]
    assert found["scores"][2].as_py() == pytest.approx({"bad": 1 - longer, "good": longer}, abs=1e-6)
    assert found["scores"][1].as_py() is None
    assert sum(done) == 4


def test_each_distinct_text_is_computed_once_beside_those_of_its_length(monkeypatch):
    monkeypatch.setattr(module, "TEXTS", 2)
    logits = Counted()
    worker(logits).classified(table(["dddd", "a", "ccc", "a", "bb", "dddd"]), lambda _: None)
    assert logits.calls == [["a", "bb"], ["ccc", "dddd"]]


def test_rows_without_text_need_no_model():
    logits = Counted()
    found = worker(logits, prefix="p_")
    made = found.classified(
        table([None, "17"], [None, "text is a number, not text"]).rename_columns(["n", "text", "p_not_classified"]),
        lambda _: None,
    )
    assert logits.calls == []
    assert made.to_pylist() == [
        {"n": 0, "text": None, "p_label": None, "p_probability": None, "p_not_classified": "text is null"},
        {"n": 1, "text": "17", "p_label": None, "p_probability": None,
         "p_not_classified": "text is a number, not text"},
    ]  # fmt: skip


def test_temperature_is_applied_where_it_is_asked_for():
    plain = worker(Counted())
    calibrated = Worker(plain.classifier, DATA, plain.added, calibrated=True)
    found = calibrated.classified(table(["longer"]), lambda _: None)
    assert found["probability"].to_pylist() == pytest.approx([1 / (1 + np.exp(-0.75))], abs=1e-6)


@pytest.mark.parametrize("model", ["int8", "onnx", "torch"])
def test_the_file_follows_from_the_shard_alone(exported, tmp_path, model):
    """Also in 8 bits, whose results may depend on what else is in a batch."""
    texts = [row["text"] for row in rows(60, 8)]
    sizes = ([60], [7, 53])
    contents = []
    for number, parts in enumerate(sizes):
        folder = tmp_path / str(number)
        folder.mkdir()
        classifier = open_classifier(exported[0], model)
        one = Worker(classifier, DATA, AddedColumns(scores=True), calibrated=False)
        whole, start = table(texts), 0
        pieces = []
        for size in parts:
            pieces.append(whole.slice(start, size))
            start += size
        for shard in cut(pieces, 25, {"model": classifier.digest}):
            keep_shard(folder, shard.name, one.made(shard.table, lambda _: None))
        contents.append({path.name: path.read_bytes() for path in folder.glob("*.parquet")})
    assert len(contents[0]) == 3
    assert contents[0] == contents[1]
