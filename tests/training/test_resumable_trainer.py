"""A training that was stopped ends in the same bytes as one that was not."""

import os
import shutil
import signal

import numpy as np
import pytest
import torch
from trainings import SETTINGS, At, train_in

from alambique.errors import NonFiniteError
from alambique.progress import Step
from alambique.recipe.distillation import Distillation
from alambique.recipe.sections import Training
from alambique.training import resumable_trainer as resuming
from alambique.training.checkpoints import SEAL, commit, facts_of
from alambique.training.resumable_trainer import cut_by_length

HALVES = Training(epochs=3, batch_size=4, gradient_accumulation=2, learning_rate=5e-3)
STEPS = 8  # of an epoch, of 24 in all
LOGITS = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
DISTILLED = {"distillation": Distillation(), "teacher_logits": LOGITS}


@pytest.fixture
def trained(tiny_distilbert, tokenizer, tmp_path):
    def train(name, **options):
        return train_in(tmp_path / name, tiny_distilbert(layers=2, dropout=0.1), tokenizer, **options)

    return train


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def whole(trained, kept):
    """A training that nothing stops, made once for all tests that compare with it."""

    def train(name, **options):
        if not (kept / name).exists():
            trained(name, **options).rename(kept / name)
        return kept / name

    return train


@pytest.fixture
def killed(trained, kept, tmp_path):
    """A folder of a plain training that was killed in its third epoch."""
    if not (kept / "killed").exists():
        with pytest.raises(ChildProcessError):
            trained("killed", step=At(20, kill))
        (tmp_path / "killed").rename(kept / "killed")
    return shutil.copytree(kept / "killed", tmp_path / "parts")


def kill():
    raise ChildProcessError


def signalled(number):
    return lambda: os.kill(os.getpid(), number)


def checkpoints(work):
    return sorted(path.name for path in (work / "scratch" / "checkpoints").iterdir())


def assert_same(one, other):
    for name in ("model.safetensors", "history.json"):
        assert (one / name).read_bytes() == (other / name).read_bytes(), name


def test_a_killed_training_goes_on_from_its_last_epoch(trained, whole, tmp_path):
    with pytest.raises(ChildProcessError):
        trained("parts", step=At(20, kill), **DISTILLED)
    assert checkpoints(tmp_path / "parts")[:1] == ["checkpoint-16"]
    seen = []
    step = Step()
    step.advance = lambda count=1: seen.append(count)
    assert_same(trained("parts", step=step, **DISTILLED), whole("distilled", **DISTILLED))
    assert seen == [16] + [1] * 8  # two epochs were there, and nothing of them is done again


@pytest.mark.slow
def test_weights_of_hard_labels_follow_the_rows_through_a_kill(trained, tmp_path):
    """In micro-batches, in parts of similar length, with values that move; weights of 1 are as none."""
    moving = {
        **DISTILLED,
        "distillation": Distillation(temperature=[4, 1], hard_label_weight=[0.2, 0.8]),
        "settings": HALVES,
    }
    weights = np.where(np.arange(60) % 7 == 0, np.float32(0.2), np.float32(1))
    whole = trained("whole", hard_label_weights=weights, **moving)
    with pytest.raises(ChildProcessError):
        trained("parts", step=At(20, kill), hard_label_weights=weights, **moving)
    assert_same(trained("parts", hard_label_weights=weights, **moving), whole)
    plain = trained("plain", **moving)
    assert (plain / "model.safetensors").read_bytes() != (whole / "model.safetensors").read_bytes()
    assert_same(trained("ones", hard_label_weights=np.ones(60, dtype=np.float32), **moving), plain)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize(  # a test that stops at every step is slow
    ("at", "number"), [(11, signal.SIGTERM), pytest.param(16, signal.SIGINT, marks=pytest.mark.slow)]
)
def test_an_interruption_saves_within_the_epoch_and_nothing_changes(trained, whole, tmp_path, capfd, at, number):
    options = {**DISTILLED, "settings": HALVES}
    reference = whole("distilled-halves", **options)
    handlers = [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt):
        trained("parts", step=At(at, signalled(number)), **options)
    said = [line for line in capfd.readouterr().err.splitlines() if "alambique" in line]
    assert said == ["alambique: a checkpoint is saved at the end of this step, then it stops; again to stop at once"]
    assert f"checkpoint-{at}" in checkpoints(tmp_path / "parts")
    assert handlers == [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]
    assert_same(trained("parts", **options), reference)


@pytest.mark.slow
def test_long_epochs_are_saved_on_the_way(trained, whole, tmp_path, monkeypatch):
    reference = whole("halves", settings=HALVES)
    clock = iter(range(0, 10**9, 400))  # two steps take longer than the ten minutes between checkpoints
    monkeypatch.setattr(resuming.time, "monotonic", lambda: float(next(clock)))
    with pytest.raises(ChildProcessError):
        trained("parts", step=At(14, kill), settings=HALVES)
    newest = max(int(name.split("-")[1]) for name in checkpoints(tmp_path / "parts"))
    assert 8 < newest < 14
    assert_same(trained("parts", settings=HALVES), reference)


@pytest.mark.slow
@pytest.mark.usefixtures("ctrl_c")
def test_a_training_stopped_at_every_step_is_the_same(trained, whole):
    reference = whole("halves", settings=HALVES)
    stops = 0
    for _ in range(3 * STEPS + 2):
        try:
            step = Step()
            step.advance = _at_the_second_call(signalled(signal.SIGINT))
            parts = trained("parts", step=step, settings=HALVES)
        except KeyboardInterrupt:
            stops += 1
        else:
            break
    assert stops >= 3 * STEPS - 3
    assert_same(parts, reference)


def _at_the_second_call(do):
    """The first call tells what a checkpoint brought, the second is the first new step."""
    calls = []

    def advance(count=1):
        calls.append(count)
        if len(calls) == 2:
            do()

    return advance


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        (SEAL, "cut"), ("optimizer.pt", "flipped"),
        *(
            pytest.param(name, damage, marks=pytest.mark.slow)
            for name, damage in (
                (SEAL, "flipped"), (SEAL, "gone"), ("trainer_state.json", "flipped"), ("model.safetensors", "cut"),
                ("rng_state.pth", "gone"),
            )
        ),
    ],
)  # fmt: skip
def test_a_damaged_checkpoint_is_passed_over(trained, whole, killed, name, damage):
    path = killed / "scratch" / "checkpoints" / "checkpoint-16" / name
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        content[len(content) // 2] ^= 4
        path.write_bytes(content)
    else:
        path.unlink()
    assert_same(trained("parts"), whole("plain"))


def test_a_training_that_was_moved_keeps_its_best_epoch(trained, whole, killed):
    killed.rename(killed.parent / "after")
    assert_same(trained("after"), whole("plain"))


@pytest.mark.slow
def test_checkpoints_of_another_order_of_rows_are_not_continued(trained, whole, tmp_path):
    """Version 0.1.0 recorded no order: its rows came in pools of similar length."""
    reference = whole("distilled", **DISTILLED)
    with pytest.raises(ChildProcessError):
        trained("parts", step=At(20, kill), **DISTILLED)
    for checkpoint in (tmp_path / "parts" / "scratch" / "checkpoints").iterdir():
        facts = facts_of(checkpoint)
        assert facts.pop("order") == "uniform"
        commit(checkpoint, facts)
    step, seen, lines = Step(), [], []
    step.advance, step.say = lambda count=1: seen.append(count), lines.append
    assert_same(trained("parts", step=step, **DISTILLED), reference)
    assert seen == [0] + [1] * 24
    assert lines == [
        "the checkpoints here are of a version that trained in another order of rows, so training starts again"
    ]
    assert checkpoints(tmp_path / "parts") == checkpoints(reference)


def test_a_batch_is_cut_into_parts_without_their_padding():
    mask = torch.zeros(40, 60, dtype=torch.long)
    mask[:, :3] = 1
    mask[-1] = 1
    ids = torch.arange(40 * 60).view(40, 60)
    short, long = cut_by_length({"input_ids": ids, "attention_mask": mask})  # 117 + 60 tokens for 2400
    assert short["input_ids"].equal(ids[:39, :3])
    assert short["attention_mask"].equal(mask[:39, :3])
    assert long["input_ids"].equal(ids[39:])
    (left, _) = cut_by_length({"input_ids": ids, "attention_mask": mask.flip(1)})
    assert left["input_ids"].equal(ids[:39, 57:])
    wide, _ = cut_by_length({"input_ids": ids, "attention_mask": mask}, 5)  # as Funnel needs
    assert wide["input_ids"].equal(ids[:39, :5])


def test_a_batch_that_would_gain_less_than_a_part_costs_is_not_cut():
    batch = {"input_ids": torch.ones(4, 9), "attention_mask": torch.ones(4, 9)}
    (part,) = cut_by_length(batch)
    assert part is batch


def test_a_batch_without_a_mask_is_not_cut():
    batch = {"input_ids": torch.ones(400, 9)}
    (part,) = cut_by_length(batch)
    assert part is batch


@pytest.mark.parametrize("settings", [SETTINGS, HALVES])
def test_a_loss_that_is_no_number_stops_before_the_weights_change(trained, tmp_path, settings):
    logits = LOGITS.copy()
    logits[7] = np.nan
    with pytest.raises(NonFiniteError) as stopped:
        trained("run", distillation=Distillation(), teacher_logits=logits, settings=settings)
    message = str(stopped.value)
    step, rows = _named(message)
    assert 1 <= step <= STEPS
    assert message == (
        f"The loss is nan at step {step} of 24, whose rows are {', '.join(rows)}. Likely causes, the likeliest first: the "
        "teacher's logits of train-7 are not finite; student.learning_rate is 0.005, try --set "
        "student.learning_rate=0.0005. There is no checkpoint yet."
    )
    assert len(rows) == 8
    assert "train-7" in rows
    assert not (tmp_path / "run" / "model.safetensors").exists()


@pytest.mark.usefixtures("ctrl_c")
def test_the_checkpoint_before_a_loss_that_is_no_number_is_kept_and_used(trained, whole, tmp_path):
    reference = whole("distilled", **DISTILLED)
    with pytest.raises(KeyboardInterrupt):
        trained("parts", step=At(11, signalled(signal.SIGINT)), **DISTILLED)
    logits = LOGITS.copy()
    logits[7] = np.inf
    with pytest.raises(NonFiniteError) as stopped:
        trained("parts", distillation=Distillation(), teacher_logits=logits)
    step, rows = _named(str(stopped.value))
    assert 11 < step <= 24
    assert "train-7" in rows
    assert str(stopped.value).endswith(f"The checkpoint of step {16 if step > 16 else 11} is kept.")
    assert_same(trained("parts", **DISTILLED), reference)


def _named(message):
    rows = message.split("rows are ")[1].split(". Likely")[0].split(", ")
    return int(message.split("at step ")[1].split()[0]), rows


def test_weights_that_grow_beyond_all_bounds_are_told_of(trained):
    with pytest.raises(NonFiniteError) as stopped:
        trained("run", section="teacher", settings=SETTINGS.model_copy(update={"learning_rate": 1e25}))
    assert str(stopped.value).endswith(
        "Likely cause: teacher.learning_rate is 1e+25, try --set teacher.learning_rate=1e+24. There is no checkpoint yet."
    )
