import json
import os

import pytest

from alambique.training.checkpoints import SEAL, best_checkpoint, commit, facts_of, latest_valid, prune


@pytest.fixture
def make(tmp_path):
    def checkpoint(step, best=None):
        folder = tmp_path / "checkpoints" / f"checkpoint-{step}"
        folder.mkdir(parents=True)
        (folder / "trainer_state.json").write_text(json.dumps({"best_global_step": best}))
        (folder / "model.safetensors").write_bytes(bytes(range(step)))
        commit(folder, {"step": step})
        return folder

    return checkpoint


def names(folder):
    return sorted(child.name for child in folder.iterdir())


def test_a_seal_names_each_file_and_keeps_the_facts(make):
    folder = make(8)
    sealed = json.loads((folder / SEAL).read_text())
    assert set(sealed["files"]) == {"trainer_state.json", "model.safetensors"}
    assert facts_of(folder) == {"step": 8}
    assert latest_valid(folder.parent) == folder


def test_no_pickle_of_trainers_arguments_stays(make, tmp_path):
    folder = make(8)
    (folder / "training_args.bin").write_bytes(b"\x80")
    commit(folder, {})
    assert names(folder) == ["model.safetensors", SEAL, "trainer_state.json"]


def test_without_checkpoints_there_is_none(tmp_path):
    assert latest_valid(tmp_path / "absent") is None
    (tmp_path / "file").write_text("x")
    assert latest_valid(tmp_path / "file") is None
    assert not (tmp_path / "file").exists()


def test_a_link_in_the_place_of_the_folder_is_taken_away_and_its_target_left(make, tmp_path):
    folder = make(8)
    link = tmp_path / "link"
    link.symlink_to(folder.parent)
    assert latest_valid(link) is None
    assert not link.is_symlink()
    assert latest_valid(folder.parent) == folder


def _a_file_more(folder):
    (folder / "optimizer.pt").write_bytes(b"")


def _a_fact_changed(folder):
    sealed = json.loads((folder / SEAL).read_text())
    sealed["facts"]["step"] = 9
    (folder / SEAL).write_text(json.dumps(sealed))


def _a_link_within(folder):
    (folder / "model.safetensors").rename(folder.parent.parent / "elsewhere")
    (folder / "model.safetensors").symlink_to(folder.parent.parent / "elsewhere")


def _no_json(folder):
    (folder / SEAL).write_text("[]")


def _renamed(folder):
    folder.rename(folder.with_name("checkpoint-best"))


def _best_epoch_gone(folder):
    folder.rename(folder.with_name("checkpoint-24"))
    (folder.with_name("checkpoint-24") / "trainer_state.json").write_text(json.dumps({"best_global_step": 12}))
    commit(folder.with_name("checkpoint-24"), {})


@pytest.mark.parametrize(
    "harm",
    [_a_file_more, _a_fact_changed, _a_link_within, _no_json, _renamed, _best_epoch_gone],
    ids=lambda f: f.__name__,
)
def test_what_does_not_fit_its_seal_is_removed_and_the_one_before_it_used(make, harm):
    before, newest = make(8), make(16)
    harm(newest)
    assert latest_valid(before.parent) == before
    assert names(before.parent) == ["checkpoint-8"]


def test_the_newest_two_and_their_best_epochs_are_kept(make):
    folders = [make(step, best) for step, best in ((4, 4), (8, 4), (12, 12), (16, 12), (20, 12))]
    prune(folders[0].parent)
    assert names(folders[0].parent) == ["checkpoint-12", "checkpoint-16", "checkpoint-20"]
    assert best_checkpoint(folders[-1]).name == "checkpoint-12"
    assert latest_valid(folders[0].parent) == folders[-1]


def test_new_is_what_has_more_steps_whatever_the_clock_says(make):
    folders = [make(step) for step in (8, 16, 24)]
    os.utime(folders[0], (2e9, 2e9))
    os.utime(folders[-1], (0, 0))
    prune(folders[0].parent)
    assert names(folders[0].parent) == ["checkpoint-16", "checkpoint-24"]
    assert latest_valid(folders[0].parent) == folders[-1]
