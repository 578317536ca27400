import numpy as np
import pytest

from alambique.training.samplers import LongestFirst, UniformSteps

# like statements: a mean of 24 tokens and a tail
LENGTHS = np.random.default_rng(0).gamma(5.0, 4.8, size=10_269).round().clip(4, 128).astype(int)


def order(epoch, lengths=LENGTHS, batch=32, seed=0):
    sampler = UniformSteps(lengths, batch, seed=seed)
    sampler.set_epoch(epoch)
    return np.array(list(sampler))


def test_each_epoch_sees_every_row_once_in_an_order_of_its_own():
    first, second = order(0), order(1)
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(len(LENGTHS)))
    assert (first != second).mean() > 0.99
    assert (order(1) == second).all()
    assert (order(0, seed=1) != first).mean() > 0.99


def test_the_rows_of_a_step_go_from_short_to_long():
    for rows in np.array_split(order(0), range(32, len(LENGTHS), 32)):
        assert (np.diff(LENGTHS[rows]) >= 0).all()


def test_the_length_of_a_row_tells_nothing_of_its_step():
    """The rows of a step are as those of a shuffle: their mean length varies by σ/√32."""
    means = LENGTHS[order(0)[: len(LENGTHS) // 32 * 32].reshape(-1, 32)].mean(1)
    assert means.std() == pytest.approx(LENGTHS.std() / 32**0.5, rel=0.15)
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.2


@pytest.mark.parametrize(("rows", "chance"), [(300, 0.104), (900, 0.034)])
def test_small_sets_are_mixed_anew_in_each_epoch(rows, chance):
    """Of pairs that share a step, as many share one in the next epoch as chance makes: 31 of the other rows - 1."""
    lengths = LENGTHS[:rows]
    again = [len(pairs(epoch, lengths) & pairs(epoch + 1, lengths)) / len(pairs(epoch, lengths)) for epoch in range(9)]
    assert np.mean(again) == pytest.approx(chance, abs=0.015)


def pairs(epoch, lengths):
    steps = np.array_split(order(epoch, lengths), range(32, len(lengths), 32))
    return {(a, b) for rows in steps for a in rows.tolist() for b in rows.tolist() if a < b}


def test_the_last_step_has_any_rows():
    """33 rows: that of the last step is each of them in the course of the epochs, not always the longest."""
    lengths = np.arange(33)
    last = [order(epoch, lengths)[-1] for epoch in range(200)]
    assert len(set(last)) == 33
    assert np.mean(last) == pytest.approx(16, abs=2.5)


def test_no_rows_and_fewer_rows_than_a_step():
    assert order(0, np.array([], dtype=int)).tolist() == []
    assert order(0, np.array([4, 2]), batch=8).tolist() == [1, 0]


def test_scoring_goes_from_the_longest_to_the_shortest():
    assert list(LongestFirst(np.array([2, 5, 2, 9]))) == [3, 1, 0, 2]


def test_an_epoch_with_rows_behind_the_labelled_ones_has_all_of_these_and_a_fresh_draw_of_the_others():
    lengths = np.arange(10, 40)
    sampler = UniformSteps(lengths, 4, seed=0, labelled=6, epoch_rows=16)
    epochs = []
    for epoch in range(3):
        sampler.set_epoch(epoch)
        epochs.append(sorted(sampler))
    assert len(sampler) == 16
    for rows in epochs:
        assert rows[:6] == list(range(6))
        assert len(set(rows)) == 16
    assert epochs[0] != epochs[1] != epochs[2]


def test_more_rows_than_there_are_come_again_none_once_more_than_another():
    counts = np.bincount(list(UniformSteps(np.arange(5), 4, seed=0, epoch_rows=13)))
    assert sorted(counts) == [2, 2, 3, 3, 3]
    behind = np.bincount(list(UniformSteps(np.arange(5), 4, seed=0, labelled=2, epoch_rows=9)))
    assert sorted(behind[:2]) == [1, 1]
    assert sorted(behind[2:]) == [2, 2, 3]


def test_each_row_once_is_the_same_order_with_and_without_its_number():
    assert list(UniformSteps(LENGTHS, 32, seed=3)) == list(
        UniformSteps(LENGTHS, 32, seed=3, labelled=len(LENGTHS), epoch_rows=len(LENGTHS))
    )
