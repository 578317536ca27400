import pytest
import torch
from clock import Clock

from alambique.artefacts.tokens import tokenize_rows
from alambique.doctor.cost import Rows, cost, fitting
from alambique.evaluation.single_label import SINGLE_LABEL
from conftest import rows


def tokenised(tokenizer, model, count):
    return Rows(tokenize_rows(tokenizer, [(row["text"],) for row in rows(count, 3)], max_length=32), model)


def test_measuring_moves_no_weight_and_counts_what_is_kept(tiny_bert, tokenizer):
    model = tiny_bert(layers=2)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    read = tokenised(tokenizer, model, 64)
    small, large = (cost(model, read, SINGLE_LABEL, batch_size=size, scored=16, budget=0.1) for size in (8, 32))
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert small.weights == 4 * model.num_parameters()
    kept = [each.memory - 4 * each.weights for each in (small, large)]
    assert 3.9 < kept[1] / kept[0] < 4.1
    assert min(small.step, small.row) > 0


def test_a_model_that_is_not_trained_is_only_scored(tiny_bert, tokenizer):
    model = tiny_bert(layers=2)
    read = tokenised(tokenizer, model, 64)
    found = cost(model, read, SINGLE_LABEL, batch_size=None, scored=16, budget=0.1)
    assert (found.step, found.memory) == (0.0, 2 * found.weights)
    assert found.row > 0


@pytest.mark.parametrize(
    ("size", "seconds", "budget", "rows_measured"),
    [
        (32, 0.1, 4.0, 32),  # a batch of 32 takes 0.4 s, four of them 1.6 s
        (32, 0.25, 4.0, 32),  # four take 4 s: just right
        (32, 0.26, 4.0, 16),
        (32, 0.6, 4.0, 8),
        (32, 60.0, 4.0, 8),  # never fewer than were tried
        (20, 0.7, 4.0, 10),
        (10, 5.0, 4.0, 8),  # half would be fewer than were tried
        (4, 60.0, 4.0, 4),  # a batch smaller than that is measured whole
    ],
)
def test_batches_are_halved_until_four_fit_into_the_budget(size, seconds, budget, rows_measured):
    assert fitting(size, tried=min(8, size), seconds=seconds, budget=budget) == rows_measured


def test_measuring_keeps_to_its_budget_and_gives_the_time_a_row(monkeypatch, tiny_bert, tokenizer):
    model = tiny_bert(layers=2)
    read = tokenised(tokenizer, model, 256)
    clock = Clock(monkeypatch)
    model.register_forward_pre_hook(clock.spend(0.001), with_kwargs=True)
    found = cost(model, read, SINGLE_LABEL, batch_size=None, scored=64, budget=1.2)
    assert found.row == pytest.approx(0.001 * read.mean_tokens(64) / 64)
    assert clock.now <= 1.2
    assert clock.sizes[:3] == [8, 8, 32]  # tried twice; 64 rows would be too slow for four rounds
    assert set(clock.sizes[2:]) == {32}
    assert len(clock.sizes) >= 5
