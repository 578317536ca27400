import shutil
from contextlib import contextmanager

import numpy as np
import pytest

import alambique.inference.labelling as module
from alambique.artefacts.tokens import tokenize_rows
from alambique.errors import UserInputError
from alambique.inference.labelling import check_labelling, label_rows, labelling
from alambique.inference.torch_model import predict_logits
from alambique.pipeline import distill
from alambique.progress import Step
from alambique.recipe.sections import Compute
from alambique.run.folder import RunFolder
from conftest import rows

TEXTS = [(row["text"],) for row in rows(50, 3)]


class Count(Step):
    """Counts rows, and stops after so many."""

    def __init__(self, most=None):
        self.done, self.most = 0, most

    def advance(self, count=1):
        self.done += count
        if self.most is not None and self.done > self.most:
            raise KeyboardInterrupt


@pytest.fixture
def label(tiny_bert, tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "SHARD", 16)
    tokens = tokenize_rows(tokenizer, TEXTS, max_length=24)

    def run(step):
        label_rows(tiny_bert(), tokens, tmp_path, compute=Compute(), step=step, batch_size=8)
        return np.load(tmp_path / "logits.npy")

    return run


def test_logits_come_in_the_order_of_the_rows(label, tiny_bert, tokenizer, tmp_path):
    step = Count()
    found = label(step)
    np.testing.assert_allclose(found, predict_logits(tiny_bert(), tokenizer, TEXTS, max_length=24), atol=1e-5)
    assert step.done == 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["logits.npy", "scratch"]


@pytest.fixture
def killed(label, tmp_path):
    """The logits of a whole attempt, and the two shards that a killed one left."""
    whole = label(Count()).tobytes()
    shutil.rmtree(tmp_path / "scratch")
    with pytest.raises(KeyboardInterrupt):
        label(Count(most=40))  # in the third shard of 16 rows
    shards = sorted((tmp_path / "scratch" / "shards").iterdir())
    assert [path.name.split(".")[0] for path in shards] == ["000000000000", "000000000016"]
    return whole, shards


@pytest.fixture
def labelled(monkeypatch):
    """How many rows went through the model, shard by shard."""
    counts = []
    real = module.predict_tokens
    monkeypatch.setattr(
        module, "predict_tokens", lambda model, tokens, **how: counts.append(len(tokens)) or real(model, tokens, **how)
    )
    return counts


def test_a_killed_run_goes_on_at_the_last_whole_shard(label, killed, labelled):
    assert label(Count()).tobytes() == killed[0]
    assert labelled == [16, 2]


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_shard_is_made_again(label, killed, labelled, damage):
    whole, (_, second) = killed
    content = bytearray(second.read_bytes())
    content[-5] ^= 1
    second.write_bytes({"cut": content[:-4], "flipped": content, "empty": b""}[damage])
    assert label(Count()).tobytes() == whole
    assert labelled == [16, 16, 2]


def test_shards_survive_between_two_attempts_at_the_stage(label, killed, labelled, tmp_path):
    """As a stage finds them: what is not in ``scratch`` is taken away from an attempt that was killed."""
    run = RunFolder(tmp_path / "run")

    def interrupted(work):
        shutil.copytree(tmp_path / "scratch", work / "scratch")
        raise KeyboardInterrupt

    def make(work):
        (tmp_path / "scratch").rename(tmp_path / "before")
        (work / "scratch").rename(tmp_path / "scratch")
        label(Count())

    with pytest.raises(KeyboardInterrupt):
        run.stage("soft_labels", {}, interrupted)
    run.stage("soft_labels", {}, make)
    assert labelled == [16, 2]


class Pool:
    """Workers of a cluster that is this process; the last task is done first, and some are not reached."""

    opened, most = 0, 99

    def __init__(self, session, model, *, digest, gpu, count, advance, say):
        assert (session, gpu, count) == ("session", True, 2)
        assert model.load() == digest
        Pool.opened += 1
        self.model, self.advance = model, advance

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def results(self, tasks):
        for number, (task, count) in reversed(list(enumerate(tasks))):
            assert len(task) == count
            if Pool.most == 0:
                raise KeyboardInterrupt
            Pool.most -= 1
            yield number, self.model.run(task, self.advance)


@pytest.fixture
def on_ray(tiny_bert, tokenizer, tmp_path, monkeypatch):
    """Label as with `compute.engine: ray`, the logits, and what sessions there were."""
    sessions = []

    @contextmanager
    def session(cores, *, object_bytes):
        sessions.append(cores)
        yield "session"

    monkeypatch.setattr(module, "SHARD", 16)
    monkeypatch.setattr(module, "ray_session", session)
    monkeypatch.setattr(module, "RayWorkers", Pool)
    monkeypatch.setattr(Pool, "most", 99)
    tiny_bert().save_pretrained(tmp_path / "teacher")
    tokens = tokenize_rows(tokenizer, TEXTS, max_length=24)

    def run(engine, step, place="ray"):
        (tmp_path / place).mkdir(exist_ok=True)
        with labelling(Compute(engine=engine, workers=2), step, lambda compute: False) as give:
            give(tmp_path / "teacher", tokens, tmp_path / place)
        return (tmp_path / place / "logits.npy").read_bytes()

    return run, sessions


def test_workers_of_a_cluster_give_the_same_bytes_and_go_on_where_they_were(on_ray, tmp_path):
    run, sessions = on_ray
    local = run("local", Count(), "local")
    assert sessions == []
    Pool.most = 2
    with pytest.raises(KeyboardInterrupt):
        run("ray", Count())
    shards = sorted((tmp_path / "ray" / "scratch" / "shards").iterdir())
    assert [path.name.split(".")[0] for path in shards] == ["000000000032", "000000000048"]
    Pool.most = 2
    step = Count()
    assert run("ray", step) == local
    assert step.done == 50
    assert sessions == [2, 2]
    assert run("ray", Count()) == local  # all is there: nobody waits for a cluster
    assert sessions == [2, 2]


def test_a_recipe_that_needs_ray_names_the_extra(monkeypatch):
    monkeypatch.setattr("alambique.distributed.ray_session.find_spec", lambda name: None)
    check_labelling(Compute())
    with pytest.raises(UserInputError) as refused:
        check_labelling(Compute(engine="ray"))
    assert str(refused.value) == (
        "compute.engine: ray needs ray, which is not installed. To have it: pip install 'alambique[ray]'"
    )


@pytest.mark.slow
def test_a_run_labelled_on_ray_is_the_run_labelled_here(exported, run_folder):
    pytest.importorskip("ray")
    before = {path: path.read_bytes() for path in (run_folder / "soft_labels").iterdir() if path.suffix == ".npy"}
    student = run_folder / "student" / "model.safetensors"
    trained = student.stat().st_mtime_ns
    shutil.rmtree(run_folder / "soft_labels")
    distill(exported[1].model_copy(update={"compute": Compute(engine="ray", workers=2)}), run_folder)
    assert {path: path.read_bytes() for path in before} == before
    assert len(before) > 0
    assert student.stat().st_mtime_ns == trained  # the soft labels are the same, so nothing behind them is made again
