import json
import os
import random
import re
import shutil
from collections import Counter

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alambique.batch_prediction import readers
from alambique.batch_prediction.layout import BEFORE, MANIFEST, MARK, RECORDS
from alambique.batch_prediction.predict_files import Job, predict_files
from alambique.batch_prediction.records import whole_file
from alambique.batch_prediction.worker import Worker
from alambique.data import streaming
from alambique.inference.classifier import open_classifier
from alambique.progress import Reporter
from conftest import rows

TEXTS = [row["text"] for row in rows(50, 21)]


@pytest.fixture
def given(tmp_path):
    """50 rows in two Parquet files."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number, part in enumerate((TEXTS[:30], TEXTS[30:])):
        table = pa.table({"id": pa.array(range(len(part)), pa.int16()), "text": part})
        pq.write_table(table, folder / f"{number}.parquet")
    return folder


class Said(Reporter):
    def __init__(self):
        self.lines = []

    def say(self, line):
        self.lines.append(line)


class Interrupting:
    """Counts the classified shards by their text, and stops before some."""

    def __init__(self, monkeypatch):
        self.shards, self.stop_at = Counter(), None
        real = Worker.classified

        def classified(worker, table, advance):
            if self.stop_at == 0:
                raise KeyboardInterrupt
            found = real(worker, table, advance)
            self.stop_at = None if self.stop_at is None else self.stop_at - 1
            self.shards[table["text"][0].as_py()] += 1
            return found

        monkeypatch.setattr(Worker, "classified", classified)


def files(folder):
    return sorted(path.name for path in folder.iterdir())


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def job(exported, given, **options):
    return Job(exported[0], (str(given),), given.parent / "out", **{"shard_rows": 8, "model": "onnx"} | options)


def predicted(folder):
    return pa.concat_tables(pq.read_table(path) for path in sorted(folder.glob("part-*.parquet")))


@pytest.mark.parametrize("model", ["int8", "onnx", "torch"])
def test_the_results_are_those_of_predict_on_texts(run, exported, given, tmp_path, model):
    status, out, err = run("predict", exported[0], "--input", given, "--output", "out", "--model", model, "--scores")
    assert (status, out) == (0, "Predictions: out   50 rows, in 1 file\n")
    assert re.fullmatch(
        r"\S+ predict: begins\n\S+ predict: done in [\d.]+ s, rows per second [\d.,]+\n", err
    ), err  # fmt: skip
    table = predicted(tmp_path / "out")
    assert table.schema.field("id").type == pa.int16()
    assert table["text"].to_pylist() == TEXTS
    answers = [
        json.loads(line) for line in run("predict", exported[0], *TEXTS, "--model", model, "--json")[1].splitlines()
    ]
    assert table["label"].to_pylist() == [answer["label"] for answer in answers]
    assert table["probability"].to_pylist() == pytest.approx([a["probability"] for a in answers], abs=1e-6)
    for row, answer in zip(table["scores"].to_pylist(), answers, strict=True):
        assert row == pytest.approx(answer["scores"], abs=1e-6)
    assert table["not_classified"].null_count == 50
    assert run("predict", exported[0], "--input", given, "--output", "out", "--model", model, "--scores") == (0, "", "")


def test_the_folder_holds_shards_and_says_so(exported, given, tmp_path):
    written = predict_files(job(exported, given, shard_rows=20), reporter=Reporter())
    assert (written.rows, written.not_classified, written.shards) == (50, 0, 3)
    out = tmp_path / "out"
    manifest = json.loads((out / MANIFEST).read_text())
    names = [shard["file"] for shard in manifest["shards"]]
    assert files(out) == [MARK, MANIFEST, *names]
    assert [re.fullmatch(r"part-(\d{6})-[0-9a-f]{32}\.parquet", name)[1] for name in names] == [
        "000000",
        "000001",
        "000002",
    ]
    assert [shard["rows"] for shard in manifest["shards"]] == [20, 20, 10]
    assert (manifest["rows"], manifest["backend"], manifest["labels"]) == (50, "onnx", ["bad", "fair", "good"])
    assert [each["name"] for each in manifest["inputs"]] == [f"{given}/0.parquet", f"{given}/1.parquet"]
    assert pq.read_table(out).num_rows == 50  # what begins with _ is passed over by readers of Parquet
    assert predicted(out)["id"].to_pylist() == [*range(30), *range(20)]


def test_rows_that_cannot_be_classified_are_kept_with_a_reason(run, exported, tmp_path):
    lines = [{"text": "superb lamp", "n": 1}, {"text": None}, {"n": 3}, {"text": 17}, {"text": ""}]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    status, out, _ = run("predict", exported[0], "--input", "in.jsonl", "--output", "out")
    assert (status, out) == (0, "Predictions: out   5 rows, 3 of them not classified, in 1 file\n")
    found = predicted(tmp_path / "out").to_pylist()
    assert [(row["text"], row["n"], row["not_classified"]) for row in found] == [
        ("superb lamp", 1, None), (None, None, "text is null"), (None, 3, "text is null"),
        ("17", None, "text is a number, not text"), ("", None, None),
    ]  # fmt: skip
    assert [row["label"] is None for row in found] == [False, True, True, True, False]
    assert json.loads((tmp_path / "out" / MANIFEST).read_text())["not_classified"] == 3


def test_stopped_at_drawn_moments_it_goes_on_and_classifies_nothing_twice(exported, given, tmp_path, monkeypatch):
    predict_files(job(exported, given), reporter=Reporter())
    reference = contents(tmp_path / "out")
    chance = random.Random(17)
    for _ in range(5):
        shutil.rmtree(tmp_path / "out")
        with monkeypatch.context() as patched:
            counted = Interrupting(patched)
            stops = 0
            while True:
                counted.stop_at = chance.randint(0, 3)
                try:
                    predict_files(job(exported, given), reporter=Reporter())
                    break
                except KeyboardInterrupt:
                    stops += 1
                made = sum(counted.shards.values())
                assert (tmp_path / "out").exists() == (made > 0)
                if made:
                    kept = [name for name in sorted(reference) if name.startswith("part-")][:made]
                    assert files(tmp_path / "out") == sorted([RECORDS, MARK, *kept])
            assert stops
            assert set(counted.shards.values()) == {1}
        assert len(counted.shards) == 7
        assert contents(tmp_path / "out") == reference


def test_what_has_changed_is_noticed_and_the_rest_kept(exported, given, tmp_path, monkeypatch):
    reporter, out = Said(), tmp_path / "out"
    counted = Interrupting(monkeypatch)

    def again(**options):
        counted.shards.clear()
        reporter.lines.clear()
        predict_files(job(exported, given, **options), reporter=reporter)
        assert not [name for name in files(out) if name in (RECORDS, BEFORE)]
        return sum(counted.shards.values()), reporter.lines

    assert again() == (7, [])
    first = contents(out)
    assert again() == (0, [])
    (given / "1.parquet").rename(given / "2.parquet")
    assert again() == (0, [])

    path = given / "2.parquet"
    before = path.stat()
    changed = [*TEXTS[30:-1], TEXTS[-1][::-1]]
    pq.write_table(pa.table({"id": pa.array(range(20), pa.int16()), "text": changed}), path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert again() == (1, [f"{out} is brought up to date: the input has changed"])
    assert len(files(out)) == 9
    assert predicted(out)["text"].to_pylist() == [*TEXTS[:30], *changed]

    assert again(model="torch") == (7, [f"{out} is brought up to date: the model has changed"])
    assert len(files(out)) == 9
    assert again(model="torch", calibrated=True)[1] == [f"{out} is brought up to date: the settings have changed"]
    pq.write_table(pa.table({"id": pa.array(range(20), pa.int16()), "text": TEXTS[30:]}), path)
    again()
    assert {name: first[name] for name in first if name != MANIFEST} == {
        name: content for name, content in contents(out).items() if name != MANIFEST
    }

    shard = next(out.glob("part-000003-*"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    assert again() == (1, [f"{out} is brought up to date: {shard} is not what was written there"])
    assert contents(out)[shard.name] == first[shard.name]


def test_another_input_may_be_interrupted_and_undone(exported, given, tmp_path, monkeypatch):
    predict_files(job(exported, given), reporter=Reporter())
    reference = contents(tmp_path / "out")
    counted = Interrupting(monkeypatch)
    counted.stop_at = 2
    with pytest.raises(KeyboardInterrupt):
        predict_files(job(exported, given, model="torch"), reporter=Reporter())
    assert len(files(tmp_path / "out")) == 1 + 2 + 7 + 2
    counted.shards.clear()
    counted.stop_at = None
    predict_files(job(exported, given), reporter=Reporter())
    assert counted.shards == {}
    assert contents(tmp_path / "out") == reference


def test_killed_when_all_is_written_it_tidies_up(exported, given, tmp_path):
    predict_files(job(exported, given), reporter=Reporter())
    reference = contents(tmp_path / "out")
    (tmp_path / "out" / RECORDS).mkdir()
    shutil.copy(tmp_path / "out" / MANIFEST, tmp_path / "out" / BEFORE)
    assert predict_files(job(exported, given), reporter=Reporter()) is None
    assert contents(tmp_path / "out") == reference


def test_a_fault_far_down_costs_nothing_that_is_done(run, exported, tmp_path, monkeypatch):
    monkeypatch.setattr(readers, "ROWS", 8)
    monkeypatch.setattr(streaming, "HEAD", 200)
    lines = [f"{text},{number}\n" for number, text in enumerate(TEXTS)]
    (tmp_path / "in.csv").write_text("".join(["text,n\n", *lines[:40], "a,b,c\n", *lines[40:]]))
    command = ("predict", exported[0], "--input", "in.csv", "--output", "out", "--shard-rows", "8", "--quiet")
    counted = Interrupting(monkeypatch)
    assert run(*command) == (2, "", "alambique: in.csv, line 42: 3 fields where 2 are expected (text, n).\n")
    assert sum(counted.shards.values()) == len(list((tmp_path / "out").glob("part-*"))) == 5
    (tmp_path / "in.csv").write_text("".join(["text,n\n", *lines]))
    assert run(*command) == (0, "Predictions: out   50 rows, in 7 files\n", "")
    assert set(counted.shards.values()) == {1}
    assert predicted(tmp_path / "out")["n"].to_pylist() == [str(number) for number in range(50)]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--input", "in"), "Invalid value for --input: it needs --output DIR, the folder for the predictions"),
        (("--output", "out"), "Invalid value for --output: it needs --input FILES, what to classify"),
        (("--input", "in", "--output", "out", "in/0.parquet"),
         "Invalid value for --input: 'in/0.parquet' would be a text; each file has an --input. Put a pattern in quotes, or "
         "else the shell replaces it by the files"),
        (("--input", "in", "--output", "out", "--json"),
         "Invalid value for --json: it is for texts; with --input, --scores adds all of them"),
    ],
)  # fmt: skip
def test_options_that_contradict_one_another(run, exported, given, tmp_path, arguments, message):
    status, out, err = run("predict", exported[0], *arguments)
    assert (status, out) == (2, "")
    assert " ".join(err.split()).endswith(message)
    assert files(tmp_path) == ["in"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--input", "in", "--output", "s3://b/out"),
         "--output s3:/b/out: predictions are written to a folder of this machine."),
        (("--input", "absent", "--output", "out"), "--input: there is no file or folder absent."),
        (("--input", "in", "--output", "out", "--engine", "spark"),
         "--engine: 'spark' is not an engine; it is local or ray."),
        (("--input", "in", "--output", "in"),
         "{0}/in holds other files and no _alambique.json of alambique predict, so nothing is written there. Choose another "
         "folder with --output."),
        (("--input", "in", "--output", "out", "--text", "body"),
         "in/0.parquet: there is no column 'body', which the model reads. The columns are id, text. Name the column of text "
         "with --text."),
        (("--input", "in", "--output", "out", "--text", "id"),
         "in/0.parquet: column 'id', which the model reads as text, is of type int16."),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_and_nothing_is_left(run, exported, given, tmp_path, arguments, message):
    assert run("predict", exported[0], *arguments) == (2, "", f"alambique: {message.format(tmp_path)}\n")
    assert files(tmp_path) == ["in"]
    assert files(given) == ["0.parquet", "1.parquet"]


def test_a_clash_of_names_is_told_and_avoided_by_a_prefix(run, exported, tmp_path):
    (tmp_path / "in.csv").write_text("text,label\nsuperb lamp,good\n")
    command = ("predict", exported[0], "--input", "in.csv", "--output", "out", "--quiet")
    assert run(*command) == (
        2, "", "alambique: The input has a column 'label' already, which is what the predictions would be called. Put "
        "something before their names, as in --prefix predicted_.\n",
    )  # fmt: skip
    assert run(*command, "--prefix", "predicted_")[:2] == (0, "Predictions: out   1 row, in 1 file\n")
    assert predicted(tmp_path / "out").column_names == [
        "text", "label", "predicted_label", "predicted_probability", "predicted_not_classified",
    ]  # fmt: skip


def test_ctrl_c_is_one_line_with_the_command_that_goes_on(run, exported, given, tmp_path, monkeypatch):
    Interrupting(monkeypatch).stop_at = 2
    command = ("predict", str(exported[0]), "--input", "in", "--output", "out", "--shard-rows", "8", "--quiet")
    assert run(*command) == (
        130, "", f"alambique: interrupted; what is done is kept. To go on from there: alambique {' '.join(command)}\n",
    )  # fmt: skip
    assert len(list((tmp_path / "out").glob("part-*"))) == 2
    monkeypatch.undo()


def test_a_damaged_model_is_not_used(run, run_folder, given, tmp_path):
    path = run_folder / "onnx" / "model_int8.onnx"
    path.write_bytes(path.read_bytes() + b"x")
    status, _, err = run("predict", run_folder, "--input", "in", "--output", "out")
    assert status == 2
    assert "it is damaged and is not used" in err
    assert files(tmp_path) == ["in", "run"]


def test_the_digest_of_a_model_changes_with_what_its_answers_follow_from(exported, run_folder):
    digests = {name: open_classifier(exported[0], name).digest for name in ("int8", "onnx", "torch")}
    assert len(set(digests.values())) == 3
    assert {name: open_classifier(run_folder, name).digest for name in digests} == digests


def test_records_are_there_while_shards_are(exported, given, tmp_path, monkeypatch):
    Interrupting(monkeypatch).stop_at = 1
    with pytest.raises(KeyboardInterrupt):
        predict_files(job(exported, given), reporter=Reporter())
    (shard,) = (tmp_path / "out").glob("part-*")
    assert whole_file(tmp_path / "out", shard.name, {}).rows == 8
