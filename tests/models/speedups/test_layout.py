import torch

from alambique.models.speedups.layout import Layout

MASK = torch.tensor([[1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 1]])
IDS = torch.tensor([[11, 12, 0, 0], [21, 22, 23, 0], [31, 32, 33, 34]])


def layout(mask=MASK, size=1):
    return Layout.of(mask, size)


def test_real_tokens_in_one_row_with_their_columns():
    made = layout()
    assert made.pack(IDS).tolist() == [[11, 12, 21, 22, 23, 31, 32, 33, 34]]
    assert made.positions.tolist() == [[0, 1, 0, 1, 2, 0, 1, 2, 3]]
    assert made.firsts.tolist() == [0, 2, 5]


def test_groups_pad_and_unpad():
    (group,) = layout().groups  # a group of its own would cost more than the padding
    packed = torch.arange(1.0, 10.0).unsqueeze(1).requires_grad_()
    padded = group.pad(packed)
    assert padded.squeeze(2).tolist() == [[1, 2, 0, 0], [3, 4, 5, 0], [6, 7, 8, 9]]
    assert group.hidden.equal(MASK == 0)
    back = group.unpad(padded * 2)
    assert back.equal(packed * 2)
    back.square().sum().backward()
    assert packed.grad.equal(packed.detach() * 8)


def test_rows_of_one_length_are_not_copied():
    (group,) = layout(torch.ones(2, 3, dtype=torch.long)).groups
    packed = torch.rand(6, 5)
    assert group.pad(packed).data_ptr() == packed.data_ptr()
    assert group.hidden is None


def test_long_rows_are_a_group_of_their_own():
    mask = torch.zeros(40, 400, dtype=torch.long)
    mask[:, :5] = 1
    mask[-2:] = 1
    made = layout(mask, size=768)
    assert [(group.rows, group.width) for group in made.groups] == [(38, 5), (2, 400)]
    values = torch.rand(1, 38 * 5 + 800, 3)
    assert made.by_group(lambda part, hidden: part + 1 if hidden is None else part, [values]).equal(values + 1)


def test_rows_that_do_not_begin_with_a_real_token_have_none():
    assert layout(torch.tensor([[1, 1], [0, 1]])) is None
    assert layout(torch.tensor([[1, 1], [0, 0]])) is None
