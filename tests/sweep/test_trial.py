"""One trial: which epochs its pruner hears of, and what is left of a student that is pruned."""

import pytest

from alambique import Recipe
from alambique.progress import Reporter
from alambique.sweep.trial import PrunedError, run_trial


def test_each_training_is_watched_by_its_share_of_the_epochs_and_a_pruned_student_is_removed(tiny_recipe, tmp_path):
    recipe = Recipe.from_dict(tiny_recipe(teacher={"allow_weak": True}, student={"epochs": 2, "seeds": 2}))
    heard = []

    def watch(training, share, value):
        heard.append((training, share, value))
        return len(heard) == 3  # in the second training

    with pytest.raises(PrunedError):
        run_trial(recipe, tmp_path / "run", (), Reporter(), watch)
    assert [each[:2] for each in heard] == [(0, 50), (0, 100), (1, 50)]
    assert (tmp_path / "run" / "student" / "manifest.json").is_file()
    assert not list(tmp_path.rglob("scratch"))
    assert not [path for path in (tmp_path / "run" / "students").rglob("*") if path.is_file()]

    scored = run_trial(recipe, tmp_path / "run", (), Reporter(), lambda *each: heard.append(each))
    assert [each[:2] for each in heard[3:]] == [(1, 50), (1, 100)]
    assert heard[3] == heard[2]
    assert scored.epochs == (2, 2)
    assert scored.on_valid.values[0] == pytest.approx(max(heard[0][2], heard[1][2]))
    assert scored.on_valid.values[1] == pytest.approx(max(heard[3][2], heard[4][2]))
