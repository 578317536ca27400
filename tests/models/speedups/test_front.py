"""The speed-ups together: undone without a trace, right for copies, replicas, a live teacher and losses that look inside."""

import copy

import numpy as np
import pytest
import torch

from alambique.models.speedups.front import Needs, Speedups

IDS = torch.tensor([[2, 40, 41, 3], [2, 77, 3, 0]])
MASK = (IDS != 0).long()
USED = np.array([0, 2, 3, 40, 41, 77])


@pytest.fixture(params=["bert", "distilbert"])
def model(request, tiny_bert, tiny_distilbert):
    return (tiny_bert if request.param == "bert" else tiny_distilbert)(layers=2, dropout=0.1).eval()


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS, attention_mask=MASK).logits


def apply(model, **options):
    return Speedups.apply(model, token_ids=USED, specials=3, **options)


def test_applied_the_logits_are_the_same_and_undone_nothing_is_left(model):
    before, classes, names = logits(model), [type(m) for m in model.modules()], set(model.state_dict())
    speedups = apply(model)
    assert [type(m) for m in model.modules()] != classes
    assert set(model.state_dict()) == names
    torch.testing.assert_close(logits(model), before, atol=1e-6, rtol=1e-5)
    speedups.undo()
    assert [type(m) for m in model.modules()] == classes
    assert set(model.state_dict()) == names
    assert all("forward" not in vars(m) for m in model.modules())
    assert logits(model).equal(before)


def test_a_copy_computes_with_its_own_weights(model):
    """As a replica on another device must: it copies a module's state and shares none of its methods."""
    apply(model)
    replica = copy.deepcopy(model)
    with torch.no_grad():
        for weight in replica.parameters():
            weight.mul_(1.5)
    assert not logits(replica).equal(logits(model))
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(1.5)
    assert logits(replica).equal(logits(model))


def test_a_data_parallel_replica_of_each_patched_module_is_not_bound_to_the_original(model):
    apply(model)
    for module in model.modules():
        replica = module._replicate_for_data_parallel()
        assert type(replica) is type(module)
        assert replica.forward.__self__ is replica


def test_a_live_teacher_beside_it_reads_the_same_ids(model, tiny_bert):
    teacher = tiny_bert(layers=1).eval()
    expected = logits(teacher)
    apply(model)
    batch = {"input_ids": IDS, "attention_mask": MASK}
    with torch.no_grad():
        assert teacher(**batch).logits.equal(expected)
        model(**batch)
    assert batch["input_ids"].equal(IDS)


def test_a_loss_that_looks_inside_gets_every_token_of_every_layer(model):
    with torch.no_grad():
        plain = model(input_ids=IDS, attention_mask=MASK, output_hidden_states=True).hidden_states
        needs = Needs(hidden_states=True)
        apply(model, needs=needs)
        made = model(input_ids=IDS, attention_mask=MASK, output_hidden_states=True).hidden_states
    assert [state.shape for state in made] == [(2, 4, 16)] * 3
    for mine, theirs in zip(made, plain, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-6, rtol=1e-5)
