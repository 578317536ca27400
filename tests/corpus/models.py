"""Model folders that are none, are damaged, or want to run code."""

import json
import pickle
import shutil

import torch
from case import DATA, LABELS, TRAINED_HERE, Case, rows
from safetensors.torch import load_file, save_file
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
)

from alambique.models.labels import label_config
from alambique.models.tokenizer import train_wordpiece

STUDENT = "student: {from_scratch: {layers: 1, width: 16, heads: 2}, epochs: 1}\nexport: {formats: []}\n"
HEAD = "data: {source: data, text: text, label: label, max_length: 32}\n"


class Evil:
    """Makes a file when it is unpickled."""

    def __reduce__(self):
        return (open, ("pwned", "w"))


def model(folder, *, labels=LABELS, tokenizer=True, layers=1):
    """A tiny BERT classifier in save_pretrained form."""
    torch.manual_seed(0)
    words = train_wordpiece([row["text"] for row in rows(60)], vocabulary=200)
    config = BertConfig(vocab_size=len(words), hidden_size=16, num_hidden_layers=layers, num_attention_heads=2,
                        intermediate_size=32, max_position_embeddings=64, **label_config(tuple(labels)))  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    if tokenizer:
        words.save_pretrained(folder)


def masked_lm(folder):
    """A tiny BERT with a head of masked language modelling."""
    model(folder)
    BertForMaskedLM(BertConfig.from_pretrained(folder)).save_pretrained(folder)


def half_a_head(folder):
    masked_lm(folder)
    kept = {n: w for n, w in load_file(folder / "model.safetensors").items() if "transform.dense" not in n}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def no_mask(folder):
    masked_lm(folder)
    path = folder / "tokenizer_config.json"
    path.write_text(json.dumps({k: v for k, v in json.loads(path.read_text()).items() if k != "mask_token"}))


def no_tokenizer(folder):
    masked_lm(folder)
    for path in folder.glob("*token*"):
        path.unlink()


def decoder(folder):
    model(folder)
    config = GPT2Config(n_embd=16, n_layer=1, n_head=2, vocab_size=200)
    GPT2LMHeadModel(config).save_pretrained(folder)


def masked_lm_of_other_tokens(folder):
    masked_lm(folder)
    words = PreTrainedTokenizerFast.from_pretrained(folder)
    words.add_tokens(["lampshade", "doorbell"])
    words.save_pretrained(folder)


def shared_layers(folder):
    """A tiny ALBERT, whose layers have the same weights."""
    model(folder)
    config = AlbertConfig(vocab_size=200, embedding_size=8, hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
                          intermediate_size=32, max_position_embeddings=64, **label_config(tuple(LABELS)))  # fmt: skip
    AlbertForSequenceClassification(config).save_pretrained(folder)


def changed_config(**keys):
    def make(folder):
        model(folder)
        path = folder / "config.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))

    return make


def then(name, content):
    """A model of which one file has another content (None: is missing)."""

    def make(folder):
        model(folder)
        path = folder / name
        if content is None:
            path.unlink()
        elif callable(content):
            path.write_bytes(content(path.read_bytes()))
        else:
            path.write_bytes(content)

    return make


def pickled(folder):
    model(folder)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))


def pickled_beside(folder):
    """Weights that claim to be an index of shards which are pickles."""
    model(folder)
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Evil()))
    index = {"metadata": {}, "weight_map": {"bert.pooler.dense.weight": "pytorch_model.bin"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    save_file({"x": torch.zeros(1)}, folder / "model-00001-of-00002.safetensors")


def escaping_index(folder):
    model(folder)
    shutil.move(folder / "model.safetensors", folder.parent / "outside.safetensors")
    names = load_file(folder.parent / "outside.safetensors")
    index = {"metadata": {}, "weight_map": dict.fromkeys(names, "../outside.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    save_file({"x": torch.zeros(1)}, folder / "model-00001-of-00001.safetensors")


def pickle_named_safetensors(folder):
    model(folder)
    torch.save({"x": torch.zeros(1)}, folder / "model.safetensors")


def other_weights(folder):
    model(folder)
    save_file({"x": torch.zeros(1)}, folder / "model.safetensors", {"format": "pt"})


def other_shapes(folder):
    model(folder)
    weights = load_file(folder / "model.safetensors")
    cut = {name: weight[..., :4].contiguous() for name, weight in weights.items()}
    save_file(cut, folder / "model.safetensors", {"format": "pt"})


def layers_missing(folder):
    model(folder, layers=2)
    kept = {n: w for n, w in load_file(folder / "model.safetensors").items() if "layer.1." not in n}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def not_numbers(folder):
    model(folder)
    weights = load_file(folder / "model.safetensors")
    save_file({n: w * float("nan") for n, w in weights.items()}, folder / "model.safetensors", {"format": "pt"})


def own_code(folder):
    auto = {"AutoConfig": "code.Config", "AutoModelForSequenceClassification": "code.Model"}
    changed_config(auto_map=auto, model_type="mine")(folder)
    (folder / "code.py").write_text("open('pwned', 'w')\n")


def own_tokenizer(folder):
    model(folder)
    path = folder / "tokenizer_config.json"
    held = json.loads(path.read_text()) | {"auto_map": {"AutoTokenizer": ["code.T", None]}, "tokenizer_class": "T"}
    path.write_text(json.dumps(held))
    (folder / "code.py").write_text("open('pwned', 'w')\n")
    (folder / "tokenizer.json").write_text("{}")


def no_head(folder):
    model(folder)
    kept = {n: w for n, w in load_file(folder / "model.safetensors").items() if not n.startswith("classifier")}
    save_file(kept, folder / "model.safetensors", {"format": "pt"})


def no_padding(folder):
    model(folder)
    path = folder / "tokenizer_config.json"
    held = {k: v for k, v in json.loads(path.read_text()).items() if k != "pad_token"}
    path.write_text(json.dumps(held))
    (folder / "special_tokens_map.json").unlink(missing_ok=True)


def adapter(folder):
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")


def checkpoints(folder):
    for name in ("checkpoint-500", "checkpoint-1000"):
        model(folder / name)


def more_tokens(folder):
    model(folder)
    words = PreTrainedTokenizerFast.from_pretrained(folder)
    words.add_tokens(["lampshade", "doorbell"])
    words.save_pretrained(folder)


def teacher(maker, *sets, finished=False):
    text = f"{HEAD}teacher: {{model: brought, epochs: 1, fine_tune: {'false' if finished else 'true'}}}\n{STUDENT}"
    return Case(("distill", "my.yaml", *(part for one in sets for part in ("--set", one))),
                {"my.yaml": text, **DATA, "brought": maker})  # fmt: skip


def student(maker):
    text = HEAD + "teacher: {from_scratch: {layers: 1, width: 16, heads: 2}, epochs: 1}\nstudent: {model: brought}\n"
    return Case(("distill", "my.yaml"), {"my.yaml": text, **DATA, "brought": maker})


def replacer(maker, command="distill"):
    text = f"{HEAD}{TRAINED_HERE}"
    return Case((command, "my.yaml", "--set", "student.epochs=2", "--set", "soft_labels.views={count: 2, model: brought}"),
                {"my.yaml": text, **DATA, "brought": maker})  # fmt: skip


FORMS = {
    "no-config": then("config.json", None),
    "config-empty": then("config.json", b""),
    "config-no-json": then("config.json", b"{'model_type': 'bert'}"),
    "config-binary": then("config.json", b"\xff\xfe\x00"),
    "config-a-list": then("config.json", b"[]"),
    "config-without-type": then("config.json", b"{}"),
    "config-unknown-type": changed_config(model_type="no_such_model"),
    "config-wrong-values": changed_config(hidden_size="wide"),
    "config-negative": changed_config(num_hidden_layers=-1),
    "config-heads": changed_config(num_attention_heads=3),
    "config-huge": changed_config(hidden_size=10**9, num_attention_heads=1),
    "config-of-pictures": changed_config(model_type="vit"),
    "config-of-a-decoder": changed_config(model_type="t5"),
    "pickle-only": pickled,
    "pickle-behind-an-index": pickled_beside,
    "pickle-named-safetensors": pickle_named_safetensors,
    "index-leads-out": escaping_index,
    "own-code": own_code,
    "own-tokenizer-code": own_tokenizer,
    "weights-missing": then("model.safetensors", None),
    "weights-empty": then("model.safetensors", b""),
    "weights-cut": then("model.safetensors", lambda content: content[: len(content) // 2]),
    "weights-header-cut": then("model.safetensors", lambda content: content[:20]),
    "weights-header-huge": then("model.safetensors", lambda content: b"\xff" * 8 + content[8:]),
    "weights-of-another-model": other_weights,
    "weights-of-another-size": other_shapes,
    "weights-lack-a-layer": layers_missing,
    "weights-no-numbers": not_numbers,
    "tokenizer-missing": lambda folder: model(folder, tokenizer=False),
    "tokenizer-no-json": then("tokenizer.json", b"{"),
    "tokenizer-empty": then("tokenizer.json", b"{}"),
    "tokenizer-without-padding": no_padding,
    "tokenizer-larger-than-embeddings": more_tokens,
    "adapter": adapter,
    "checkpoints-within": checkpoints,
    "folder-empty": None,
}
CASES = {
    **{f"teacher-{name}": teacher(maker) for name, maker in FORMS.items()},
    **{f"student-{name}": student(maker) for name, maker in FORMS.items()},
    **{f"replacer-{name}": replacer(FORMS[name]) for name in ("pickle-only", "own-code", "weights-of-another-model")},
    "replacer-a-classifier": replacer(model),
    "replacer-a-classifier-doctor": replacer(model, "doctor"),
    "replacer-a-decoder": replacer(decoder),
    "replacer-without-half-a-head": replacer(half_a_head),
    "replacer-without-mask": replacer(no_mask),
    "replacer-without-tokenizer": replacer(no_tokenizer),
    "replacer-of-other-tokens": replacer(masked_lm_of_other_tokens),
    **{
        f"finished-{name}": teacher(FORMS[name], finished=True)
        for name in ("weights-cut", "pickle-only", "own-code", "weights-of-another-model", "weights-no-numbers")
    },
    "finished-other-labels": teacher(lambda folder: model(folder, labels=("no", "maybe", "yes")), finished=True),
    "finished-fewer-labels": teacher(lambda folder: model(folder, labels=LABELS[:2]), finished=True),
    "finished-more-labels": teacher(lambda folder: model(folder, labels=(*LABELS, "best")), finished=True),
    "finished-generic-labels": teacher(
        lambda folder: model(folder, labels=("LABEL_0", "LABEL_1", "LABEL_2")), finished=True
    ),
    "finished-labels-twice": teacher(
        changed_config(id2label={"0": "bad", "1": "bad", "2": "good"}, label2id={"bad": 0}), finished=True
    ),
    "finished-labels-that-fold-to-one": teacher(
        lambda folder: model(folder, labels=("Bad", "bad", "good")), finished=True
    ),
    "finished-labels-from-1": teacher(
        changed_config(id2label={"1": "bad", "2": "fair", "3": "good"}, label2id={"bad": 1}), finished=True
    ),
    "finished-multi-label": teacher(changed_config(problem_type="multi_label_classification"), finished=True),
    "finished-regression": teacher(changed_config(problem_type="regression"), finished=True),
    "finished-labels-not-numbered": teacher(changed_config(id2label={"a": "bad", "b": "fair"}), finished=True),
    "finished-labels-null": teacher(changed_config(id2label=None, num_labels=None), finished=True),
    "finished-labels-escape": teacher(
        lambda folder: model(folder, labels=("\x1b[31mbad", "fair", "good")), finished=True
    ),
    "finished-no-head": teacher(no_head, finished=True),
    "longer-than-positions": teacher(model, "data.max_length=65"),
    "student-of-too-many-layers": teacher(model, "student.from_teacher={layers: 2}"),
    "student-of-missing-layer": teacher(model, "student.from_teacher={layers: [1]}"),
    "student-of-shared-layers": teacher(shared_layers, "student.from_teacher={architecture: same, layers: 1}"),
    "distilbert-of-an-albert": teacher(shared_layers, "student.from_teacher={layers: 1}"),
}
