import numpy as np

from alambique.training.samplers import POOL, LengthGroupedBatches, LongestFirst

# like statements: a mean of 24 tokens and a tail
LENGTHS = np.random.default_rng(0).gamma(5.0, 4.8, size=10_269).round().clip(4, 128).astype(int)


def order(epoch, lengths=LENGTHS, batch=32, seed=0):
    sampler = LengthGroupedBatches(lengths, batch, seed=seed)
    sampler.set_epoch(epoch)
    return np.array(list(sampler))


def test_each_epoch_sees_every_row_once_in_an_order_of_its_own():
    first, second = order(0), order(1)
    assert sorted(first.tolist()) == sorted(second.tolist()) == list(range(len(LENGTHS)))
    assert (first != second).mean() > 0.99
    assert (order(1) == second).all()
    assert (order(0, seed=1) != first).mean() > 0.99


def test_little_is_padded():
    batches = order(0)[: len(LENGTHS) // 32 * 32].reshape(-1, 32)
    processed = (LENGTHS[batches].max(1) * 32).sum()
    assert processed / LENGTHS[batches].sum() <= 1.06


def test_the_length_of_a_batch_tells_nothing_of_the_next():
    means = LENGTHS[order(0)[: len(LENGTHS) // 32 * 32].reshape(-1, 32)].mean(1)
    assert abs(np.corrcoef(means[:-1], means[1:])[0, 1]) < 0.2


def test_a_batch_that_is_not_full_comes_last():
    lengths = np.array([3, 1, 2, 1, 3])
    rows = order(0, lengths, batch=2)
    assert sorted(rows.tolist()) == [0, 1, 2, 3, 4]
    assert lengths[rows[-1]] == 3  # of one pool, sorted, the longest is left over
    assert len(lengths) < POOL * 2


def test_no_rows_and_fewer_rows_than_a_batch():
    assert order(0, np.array([], dtype=int)).tolist() == []
    assert sorted(order(0, np.array([4, 2]), batch=8).tolist()) == [0, 1]


def test_scoring_goes_from_the_longest_to_the_shortest():
    assert list(LongestFirst(np.array([2, 5, 2, 9]))) == [3, 1, 0, 2]
