import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alambique.training.samplers import LongestFirst, UniformSteps
from alambique.training.shares import SharedBatches, scored_batches, share_of

LENGTHS = np.random.default_rng(0).gamma(5.0, 4.8, size=1000).round().clip(4, 128).astype(int)


@given(st.lists(st.integers(1, 512), max_size=100), st.integers(1, 9))
def test_shares_are_alike_in_rows_and_tokens(lengths, processes):
    lengths = sorted(lengths)
    shares = [share_of(range(len(lengths)), rank, processes) for rank in range(processes)]
    assert sorted(row for share in shares for row in share) == [*range(len(lengths))]  # each row once
    assert all(share == sorted(share) for share in shares)
    tokens = [sum(lengths[row] for row in share) for share in shares]
    assert max(tokens) - min(tokens) <= max(lengths, default=0)
    counts = [len(share) for share in shares]
    assert max(counts) - min(counts) <= 1


def batches(rank, processes, batch_rows, step_rows, epoch=0, lengths=LENGTHS):
    shared = SharedBatches(
        UniformSteps(lengths, step_rows, seed=3), batch_rows, rank=rank, processes=processes
    )  # fmt: skip
    shared.set_epoch(epoch)
    made = list(shared)
    assert len(made) == len(shared)
    return made


@pytest.mark.parametrize(("batch_rows", "step_rows"), [(32, 32), (16, 64)])
def test_the_shares_of_a_batch_are_the_batch_of_a_single_process(batch_rows, step_rows):
    for epoch in (0, 1):
        (alone,), shared = ([
            batches(rank, processes, batch_rows, step_rows, epoch) for rank in range(processes)
        ] for processes in (1, 3))  # fmt: skip
        for whole, *shares in zip(alone, *shared, strict=True):
            assert sorted(row for share in shares for row in share) == sorted(whole)


def test_a_process_without_a_row_has_another_stand_in_for_none():
    """Of 5 rows in batches of 4, the last batch has one row, for one of three processes."""
    shares = [batches(rank, 3, 4, 4, lengths=np.array([5, 4, 3, 2, 1])) for rank in range(3)]
    last = [share[-1] for share in shares]
    (row,) = next(share for share in last if share[0] >= 0)
    assert sorted(share[0] for share in last) == [-1 - row, -1 - row, row]


def test_valid_is_scored_in_the_batches_of_a_single_process():
    made = scored_batches(LENGTHS, 64)
    assert [len(batch) for batch in made] == [64] * 15 + [40]
    assert np.concatenate(made).tolist() == list(LongestFirst(LENGTHS))
