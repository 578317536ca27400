"""The journal: what was made, what comes next, and when a trial is pruned."""

import json

import pytest

from alambique.errors import CorruptArtefactError
from alambique.sweep.history import DONE, FAILED, JOURNAL, PRUNED, History
from alambique.sweep.space import Space

GRID = Space.parse(["a=1,2", "b=x,y"])
RANGES = Space.parse(["a=1e-5..1e-3 log", "n=2..6", "b=x,y"])


def make(history, most, value=lambda values: 0.5):
    """Make all trials that are left; their values in order."""
    made = []
    while (trial := history.next_trial(most)) is not None:
        values = history.values_of(history.trials()[trial.number])
        made.append(values)
        history.finish(trial, DONE, value(values))
    return made


def test_all_combinations_of_lists_in_their_order(tmp_path):
    assert make(History(tmp_path, GRID), None) == [("1", "x"), ("1", "y"), ("2", "x"), ("2", "y")]
    assert make(History(tmp_path, GRID), None) == []
    assert make(History(tmp_path, GRID), 4) == []


def test_fewer_trials_than_combinations_are_sampled_and_never_twice(tmp_path):
    first = make(History(tmp_path, GRID), 3)
    assert len(set(first)) == 3
    assert set(first) < set(GRID.combinations())
    rest = make(History(tmp_path, GRID), None)  # then all of them
    assert {*first, *rest} == set(GRID.combinations())
    assert len(rest) == 1


def test_a_range_is_sampled_between_its_ends_and_the_same_each_time(tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    score = lambda values: 1 - abs(int(values[1]) - 3) / 10  # noqa: E731
    made = make(History(tmp_path / "one", RANGES), 14, score)
    assert len(set(made)) == 14
    assert all(1e-5 <= float(a) <= 1e-3 and 2 <= int(n) <= 6 and b in "xy" for a, n, b in made)
    halves = make(History(tmp_path / "two", RANGES), 7, score) + make(History(tmp_path / "two", RANGES), 14, score)
    assert halves == made  # as if it had not been interrupted


def test_an_interrupted_trial_comes_again_with_its_values(tmp_path):
    history = History(tmp_path, GRID)
    history.finish(history.next_trial(None), FAILED, reason="weak")
    trial = history.next_trial(None)
    history.report(trial, 0, 50, 0.4)
    again = History(tmp_path, GRID)
    trial = again.next_trial(None)
    assert again.values_of(again.trials()[trial.number]) == ("1", "y")
    assert again.intermediate(trial) == {50: 0.4}
    again.report(trial, 0, 50, 0.3)  # the same epoch, made again
    again.report(trial, 0, 100, 0.2)
    assert again.intermediate(trial) == {50: 0.4, 100: 0.4}  # the best so far
    again.report(trial, 1, 50, 0.1)  # the next training begins anew
    assert again.intermediate(trial)[150] == 0.1
    again.finish(trial, DONE, 0.4)
    assert make(again, None) == [("2", "x"), ("2", "y")]
    assert [each.user_attrs for each in again.trials()[:2]] == [{"reason": "weak"}, {}]


def test_a_trial_that_was_begun_and_has_no_values_yet_gets_those_it_was_to_have(tmp_path):
    history = History(tmp_path, GRID)
    history.study.enqueue_trial({"a": "2", "b": "y"})
    assert make(History(tmp_path, GRID), None)[0] == ("2", "y")


def test_a_trial_is_pruned_below_the_median_at_the_same_share_of_its_epochs(tmp_path):
    history = History(tmp_path, RANGES)
    for value in (0.5, 0.6, 0.7, 0.8):
        trial = history.next_trial(9)
        assert not history.report(trial, 0, 50, value)  # too few are finished
        assert not history.report(trial, 0, 100, value)
        history.finish(trial, DONE, value)
    behind = history.next_trial(9)
    assert not history.report(behind, 0, 25, 0.1)  # it has just begun
    assert history.report(behind, 0, 50, 0.64)  # the median is 0.65
    assert not history.report(behind, 0, 60, 0.1)  # nobody has a figure there
    history.finish(behind, PRUNED, reason="behind")
    ahead = history.next_trial(9)
    assert not history.report(ahead, 0, 50, 0.66)
    assert not history.report(ahead, 0, 100, 0.1)  # all of its epochs are made


def test_a_torn_line_is_left_out_and_a_damaged_journal_is_refused(tmp_path):
    make(History(tmp_path, GRID), None)
    journal = tmp_path / JOURNAL
    whole = journal.read_bytes()
    assert all(isinstance(json.loads(line), dict) for line in whole.splitlines())
    journal.write_bytes(whole + b'{"op_code":4,"tri')
    assert make(History(tmp_path, GRID), None) == []
    mended = journal.read_bytes()
    assert mended.startswith(whole)
    assert all(isinstance(json.loads(line), dict) for line in mended.splitlines())
    journal.write_bytes(whole.replace(b'"op_code":4', b'"op_code":"four', 1))
    with pytest.raises(CorruptArtefactError) as refused:
        History(tmp_path, GRID)
    assert str(refused.value) == (
        f"{journal} is not what was written there, so the trials cannot be told. Begin again in another folder with --out, "
        "or remove this one."
    )
