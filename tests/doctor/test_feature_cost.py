import numpy as np
import pytest
from clock import Clock

from alambique.artefacts.tokens import tokenize_rows
from alambique.doctor.feature_cost import feature_cost
from alambique.losses.features import HiddenStates, Relations
from alambique.recipe.recipe import Recipe
from alambique.training.feature_term import FeatureTerm
from conftest import rows

# two layers of width 16; queries, keys and values of one
CASES = [
    (HiddenStates(), {0: 0, 1: 1}, 2 * 16),
    (HiddenStates(tokens="first"), {0: 0}, 16),
    (Relations(), {0: 0}, 3 * 16),
]


@pytest.mark.parametrize(("loss", "layers", "width"), CASES)
@pytest.mark.parametrize("cached", [True, False])
def test_bytes_and_seconds_of_both_ways(monkeypatch, tiny_recipe, tiny_bert, tokenizer, loss, layers, width, cached):
    raw = tiny_recipe(distillation={"feature_cache": cached}, compute={"speedups": False})
    raw["student"] |= {"epochs": 3, "batch_size": 8}
    tokens = tokenize_rows(tokenizer, [(row["text"],) for row in rows(64, 3)], max_length=32)
    teacher, clock = tiny_bert(), Clock(monkeypatch)
    teacher.register_forward_pre_hook(clock.spend(0.001), with_kwargs=True)
    term = FeatureTerm(loss, tiny_bert(), layers, [16] * (width // 16), seed=0)
    found = feature_cost(term, teacher, tokens, Recipe.from_dict(raw), budget=1e4, stored_rows=64, epoch_rows=64)
    vectors = 64 if loss.first_only else int(tokens.lengths.sum())
    assert found.stored == 2 * vectors * width
    by_length = np.sort(tokens.lengths)
    assert found.once == pytest.approx(0.001 * 64 * by_length[-1] + found.stored / 500e6)
    in_batches = sum(8 * by_length[start : start + 8].max() for start in range(0, 64, 8))
    assert found.live == pytest.approx(3 * 0.001 * in_batches)
    assert found.cached is cached
    more = feature_cost(term, teacher, tokens, Recipe.from_dict(raw), budget=1e4, stored_rows=128, epoch_rows=96)
    assert more.stored == 2 * found.stored
    assert more.once == pytest.approx(2 * found.once)
    assert more.live == pytest.approx(1.5 * found.live)
