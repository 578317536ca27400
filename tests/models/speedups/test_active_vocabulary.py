import numpy as np
import pytest
import torch

from alambique.models.speedups.active_vocabulary import restore_vocabulary, shrink_vocabulary

USED = np.array([2, 3, 40, 41, 77])
IDS = torch.tensor([[2, 40, 41, 3], [2, 77, 3, 0]])


def train(model, ids, *, decay):
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2, weight_decay=decay)
    for _ in range(5):
        loss = model(input_ids=ids, attention_mask=(IDS != 0).long()).logits.square().sum()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
    return model


@pytest.mark.parametrize("decay", [0.0, 0.5])
def test_training_the_words_that_occur_equals_training_all(tiny_bert, decay):
    plain = train(tiny_bert(), IDS, decay=decay)
    small = tiny_bert()
    vocabulary = shrink_vocabulary(small, USED, specials=3)
    assert small.get_input_embeddings().weight.shape == (7 + 1, 16)  # 0 to 3, 40, 41, 77, and the decay_probe
    train(small, IDS, decay=decay)  # the real token ids
    restore_vocabulary(small, vocabulary)
    assert small.state_dict().keys() == plain.state_dict().keys()
    for name, weight in plain.state_dict().items():
        torch.testing.assert_close(small.state_dict()[name], weight, rtol=1e-5, atol=1e-6, msg=name)
    assert small.get_input_embeddings().num_embeddings == plain.get_input_embeddings().num_embeddings


def test_special_ids_keep_their_places(tiny_bert):
    model = tiny_bert()
    shrink_vocabulary(model, USED, specials=3)
    id_map = model.get_input_embeddings().id_map
    assert id_map[:4].tolist() == [0, 1, 2, 3]
    assert id_map[[40, 41, 77]].tolist() == [4, 5, 6]
    assert id_map[5] == -1


def test_a_token_that_was_left_out_is_an_error_and_not_another_word(tiny_bert):
    model = tiny_bert()
    shrink_vocabulary(model, USED, specials=3)
    with pytest.raises(IndexError):
        model(input_ids=torch.tensor([[2, 50, 3]]))


def test_a_table_that_another_module_holds_too_is_left_whole(tiny_bert):
    model = tiny_bert()
    model.second = torch.nn.Embedding(*model.get_input_embeddings().weight.shape)
    model.second.weight = model.get_input_embeddings().weight
    assert shrink_vocabulary(model, USED, specials=3) is None


def test_a_table_that_is_used_for_the_most_part_is_left_whole(tiny_bert):
    model = tiny_bert()
    size = model.get_input_embeddings().num_embeddings
    assert shrink_vocabulary(model, np.arange(size - 10), specials=3) is None
    assert model.get_input_embeddings().num_embeddings == size
