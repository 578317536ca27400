"""Feature losses against the papers' formulas, computed directly; options as the recipe reads them."""

import math
import subprocess
import sys

import pytest
import torch
from pydantic import ValidationError

from alambique.losses.features import FEATURES, HiddenStates, Relations, feature_with_name

LENGTHS = torch.tensor([3, 1, 5])


def values(width, count=1, seed=0, dtype=torch.float64):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(9, width, generator=generator, dtype=dtype) for _ in range(count)]


def by_row(tensor):
    return tensor.split(LENGTHS.tolist())


def test_hidden_states_by_hand():
    # one row of two tokens and one of one: ((1 + 9) / 2 + (0 + 4) / 2) / 2, and (4 + 16) / 2
    student, teacher = torch.zeros(3, 2), torch.tensor([[1.0, 3.0], [0.0, 2.0], [2.0, 4.0]])
    assert HiddenStates().rows([student], [teacher], torch.tensor([2, 1])).tolist() == [3.5, 10.0]
    twice = HiddenStates().rows([student, student], [teacher, teacher], torch.tensor([2, 1]))
    assert twice.tolist() == [7.0, 20.0]  # summed over layers


def test_hidden_states_normalized_is_twice_one_minus_the_cosine():
    student, teacher = torch.tensor([[3.0, 0.0], [0.0, 5.0]]), torch.tensor([[2.0, 2.0], [0.0, 1.0]])
    loss = HiddenStates(tokens="first", normalize=True).rows([student], [teacher], torch.tensor([4, 2]))
    torch.testing.assert_close(loss, torch.tensor([2 - math.sqrt(2), 0.0]))


@pytest.mark.parametrize("heads", [1, 3, 4])
def test_relations_are_the_papers_formula(heads):
    """Row by row, head by head, token by token; the widths of both models differ."""
    student, teacher = values(12, 3), values(24, 3, seed=1)
    expected = []
    for row in range(len(LENGTHS)):
        total = 0.0
        for ours, theirs in zip(student, teacher, strict=True):  # queries, keys, values
            relations = []
            for tensor in (theirs, ours):
                parts = by_row(tensor)[row].chunk(heads, -1)
                relations.append([torch.softmax(a @ a.T / math.sqrt(a.shape[-1]), -1) for a in parts])
            kl = sum((t * (t / s).log()).sum() for t, s in zip(*relations, strict=True))
            total += kl.item() / (heads * int(LENGTHS[row]))
        expected.append(total)
    got = Relations(heads=heads).rows(student, teacher, LENGTHS)
    torch.testing.assert_close(got.double(), torch.tensor(expected, dtype=torch.float64), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("loss", [HiddenStates(), HiddenStates(normalize=True), Relations(), Relations(heads=2)])
def test_zero_where_student_equals_teacher(loss):
    same = values(12, 3)
    assert loss.rows(same, same, LENGTHS).abs().max() < 1e-12


@pytest.mark.parametrize("loss", [HiddenStates(), HiddenStates(normalize=True), Relations(heads=2)])
def test_a_row_does_not_depend_on_the_others(loss):
    student, teacher = values(12, 3), values(12, 3, seed=1)
    whole = loss.rows(student, teacher, LENGTHS)
    for row, length in enumerate(LENGTHS):
        alone = loss.rows(*([by_row(t)[row] for t in side] for side in (student, teacher)), length.view(1))
        torch.testing.assert_close(alone[0], whole[row])


@pytest.mark.parametrize("loss", [HiddenStates(), HiddenStates(normalize=True), Relations(heads=3)])
def test_gradient_is_that_of_differences_in_float64(loss):
    student, teacher = [v.requires_grad_() for v in values(6, 3)], values(6, 3, seed=1)
    assert torch.autograd.gradcheck(
        lambda *s: loss.rows(s, teacher, LENGTHS).double().sum(), student, atol=1e-4, eps=1e-4
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("loss", [HiddenStates(), HiddenStates(normalize=True), Relations(heads=2)])
def test_half_precision_and_large_values_are_finite(loss, dtype):
    student, teacher = ([(v * 1e3).to(dtype).requires_grad_() for v in values(12, 3, seed)] for seed in (0, 1))
    rows = loss.rows(student, [v.detach() for v in teacher], LENGTHS)
    assert rows.dtype == torch.float32
    assert rows.isfinite().all()
    rows.sum().backward()
    assert all(v.grad.isfinite().all() for v in student)


def test_default_layers():
    # PKD-Skip: 2, 4, 6, 8 and 10 of 12 for a student of six layers, counted from 1 (Sun et al. 2019, §3.2)
    assert HiddenStates().default_layers(6, 12) == {0: 1, 1: 3, 2: 5, 3: 7, 4: 9}
    assert HiddenStates().default_layers(3, 6) == {0: 1, 1: 3}
    assert HiddenStates().default_layers(1, 12) == {0: 11}
    assert HiddenStates().default_layers(4, 2) == {0: 0, 1: 0, 2: 0}
    assert Relations().default_layers(6, 12) == {5: 11}


def test_default_relation_heads_divide_all_widths():
    assert Relations().heads_for([768, 384]) == 12
    assert Relations().heads_for([312, 1024]) == 8
    assert Relations(heads=64).heads_for([1024, 384]) == 64


def test_relation_heads_that_do_not_divide_a_width_are_refused():
    with pytest.raises(
        ValueError, match="^relations of 5 heads cannot be taken of widths 12 .student. and 16 .teacher.: "
    ):
        Relations(heads=5).check([12] * 3, [16] * 3)
    Relations(heads=4).check([12] * 3, [16] * 3)


@pytest.mark.parametrize(
    ("given", "read"),
    [({2: 5}, {2: 5}), ({"2": 5, "0": 1}, {0: 1, 2: 5}), (None, None)],
)
def test_layers_are_read_from_numbers_and_text(given, read):
    loss = HiddenStates(layers=given)
    assert loss.layers == read
    assert HiddenStates(**loss.model_dump(mode="json")) == loss


@pytest.mark.parametrize("layers", [{}, {-1: 2}, {1: "x"}, {True: 1}, 3, [1, 2], {1: 2.5}])
def test_other_layers_are_refused(layers):
    with pytest.raises(
        ValidationError, match=r"must be a mapping of the student's layer numbers to the teacher's, from 0"
    ):
        HiddenStates(layers=layers)


def test_names_and_mappings_are_told_apart():
    assert set(FEATURES) == {"hidden", "relations"}
    assert feature_with_name("hidden") == {"name": "hidden"}
    assert feature_with_name(None) is None
    with pytest.raises(ValueError, match="^must be 'hidden' or 'relations', not 'hiden'. Did you mean hidden?"):
        feature_with_name("hiden")


def test_importing_the_options_does_not_import_torch():
    code = "import sys, alambique.losses.features; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
