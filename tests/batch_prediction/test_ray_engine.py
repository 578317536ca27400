"""Shards by a Ray of this machine: the same bytes as by one process, and by a pool of which nothing is remote."""

import json
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alambique.batch_prediction import ray_engine
from alambique.batch_prediction.columns import AddedColumns
from alambique.batch_prediction.engines import Output, in_this_process
from alambique.batch_prediction.layout import MANIFEST
from alambique.batch_prediction.ray_engine import RemoteWorker, on_ray
from alambique.batch_prediction.shards import cut
from alambique.batch_prediction.worker import Worker
from alambique.errors import DataError
from alambique.inference.classifier import open_classifier
from alambique.recipe.recipe import Recipe
from conftest import rows

DATA = Recipe.from_dict({"data": {"source": "x.csv", "label": "label", "text": "text"}}).data
ADDED = AddedColumns(prefix="p_")
TEXTS = [row["text"] for row in rows(40, 11)]


class Pool:
    """Tasks done one by one, the last of them first."""

    opened = 0

    def __init__(self, session, model, *, digest, gpu, count, advance, say):
        self.model, self.advance = model, advance
        assert model.load() == digest
        assert (gpu, count) == (False, 2)
        Pool.opened += 1

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def results(self, tasks):
        failed = None
        whole = []
        try:
            whole.extend(tasks)
        except DataError as error:
            failed = error
        for number in reversed(range(len(whole))):
            yield number, self.model.run(whole[number][0], self.advance)
        if failed is not None:
            raise failed


@pytest.fixture
def pool(monkeypatch):
    @contextmanager
    def session(cores, *, object_bytes):
        yield None

    monkeypatch.setattr(Pool, "opened", 0)
    monkeypatch.setattr(ray_engine, "ray_session", session)
    monkeypatch.setattr(ray_engine, "RayWorkers", Pool)
    return Pool


def shards(digest):
    none = pa.nulls(len(TEXTS), pa.string())
    return list(cut([pa.table({"text": TEXTS, "p_not_classified": none})], 8, {"model": digest}))


def test_files_and_records_are_those_of_one_process_in_the_order_of_the_shards(exported, pool, tmp_path):
    classifier = open_classifier(exported[0], "onnx")
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    expected = list(
        in_this_process(
            Worker(classifier, DATA, ADDED, calibrated=False), shards(classifier.digest),
            Output(here, lambda shard: None, lambda rows: None),
        )
    )  # fmt: skip
    remote = RemoteWorker(exported[0], "onnx", DATA, ADDED, calibrated=False)
    done = []

    def again(kept, given):
        return on_ray(remote, classifier.digest, given, Output(there, kept, done.append), workers=2, say=done.append)

    assert again(lambda shard: None, shards(classifier.digest)) == expected
    assert {path.name: path.read_bytes() for path in there.glob("part-*")} == {
        path.name: path.read_bytes() for path in here.glob("part-*")
    }
    assert sum(done) == len(TEXTS)
    assert again(lambda shard: expected[shard.index], shards(classifier.digest)) == expected
    assert pool.opened == 1  # where all is there, no cluster is asked for
    assert sum(done) == len(TEXTS)


def test_shards_before_an_error_of_the_input_are_kept(exported, pool, tmp_path):
    def torn(digest):
        yield from shards(digest)[:3]
        raise DataError("row 25: too many cells")

    classifier = open_classifier(exported[0], "onnx")
    remote = RemoteWorker(exported[0], "onnx", DATA, ADDED, calibrated=False)
    output = Output(tmp_path, lambda shard: None, lambda rows: None)
    with pytest.raises(DataError, match="row 25"):
        on_ray(remote, classifier.digest, torn(classifier.digest), output, workers=2, say=str)
    assert sorted(path.name for path in tmp_path.glob("part-*")) == [s.name for s in shards(classifier.digest)[:3]]


def test_a_model_is_loaded_before_it_runs():
    with pytest.raises(RuntimeError, match="load"):
        RemoteWorker("run", "onnx", DATA, ADDED, calibrated=False).run(pa.table({}), print)


def command(*arguments):
    done = subprocess.run(
        [sys.executable, "-m", "alambique", *map(str, arguments)], capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("model", ["onnx", "int8", "torch"])
def test_the_output_is_that_of_the_local_engine_byte_for_byte(exported, tmp_path, model):
    pytest.importorskip("ray")
    table = pa.table({"n": np.arange(400), "text": [row["text"] for row in rows(400, 5)]})
    pq.write_table(table, tmp_path / "in.parquet")
    options = ("--model", model, "--shard-rows", 32, "--scores")
    given = ("predict", exported[0], "--input", tmp_path / "in.parquet", *options)
    told = {}
    for engine in (("--engine", "local"), ("--engine", "ray", "--workers", 2)):
        status, out, err = command(*given, "--output", tmp_path / engine[1], *engine)
        assert status == 0, err
        told[engine[1]] = out.replace(engine[1], "")
        assert err.splitlines()[0][9:] == "predict: begins"
        assert all(line[2:3] == line[5:6] == ":" for line in err.splitlines()), err
    local, ray = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("local", "ray"))
    assert len(local) == 13 + 2
    assert local == ray  # the manifest too: what was made does not depend on who made it
    assert told["local"] == told["ray"] == f"Predictions: {tmp_path}/   400 rows, in 13 files\n"
    assert json.loads(local[MANIFEST])["backend"] == model
