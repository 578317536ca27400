import numpy as np
import pytest
from clock import Clock

from alambique.data.load import load_splits, locate
from alambique.data.word_replacement import gapped_rows
from alambique.doctor import view_cost as module
from alambique.doctor.view_cost import view_cost
from alambique.inference.sampled_words import masked_tokens
from alambique.models.masked_lm import load_masked_lm
from alambique.models.pretrained import find_pretrained
from alambique.recipe.recipe import Recipe


@pytest.fixture
def case(tiny_recipe, mlm_folder, monkeypatch):
    """The cost of so many versions with this rate; the model spends 1 ms for each token."""

    def build(count, rate):
        raw = tiny_recipe(soft_labels={"views": {"count": count, "model": str(mlm_folder), "replace": rate}})
        recipe = Recipe.from_dict(raw | {"student": {**raw["student"], "epochs": 9}})
        splits, checkpoint = load_splits(recipe.data, locate(recipe.data)), find_pretrained(str(mlm_folder), key="k")
        lm, clock = load_masked_lm(checkpoint), Clock(monkeypatch)
        lm.model.register_forward_pre_hook(clock.spend(0.001), with_kwargs=True)
        monkeypatch.setattr(module, "load_masked_lm", lambda _: lm)
        return view_cost(checkpoint, recipe, splits, budget=1e4), lm, splits

    return build


def test_each_version_takes_the_tokens_of_the_texts_that_have_gaps(case):
    cost, lm, splits = case(4, 0.05)
    texts = [gapped for (gapped,) in gapped_rows(splits.train, 1, 0.05, 0) if len(gapped)]
    assert 0 < len(texts) < 80  # of 160
    lengths = np.sort(masked_tokens(lm, texts, max_length=24).lengths)
    batches = [part for start in range(0, len(texts), 32) if len(part := lengths[start : start + 32])]
    mean = np.mean([part.max() for part in batches])
    assert cost.seconds == pytest.approx(3 * len(texts) * 0.001 * mean, rel=0.05)
    assert cost.memory == 2 * sum(weight.nbytes for weight in lm.model.parameters())


def test_where_no_word_is_chosen_nothing_is_read(case):
    assert case(4, 1e-9)[0].seconds == 0
