"""Tiny models of many architectures, each with a tokenizer of its kind, and what the whole path does with them.

The table of docs/models.md is made by this (``python docs/make_models.py``), and tests/test_architectures.py checks it.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers import models as kinds
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    BertweetTokenizer,
    CanineTokenizer,
    PreTrainedTokenizerFast,
)

from alambique import Recipe, distill
from alambique.errors import UserInputError
from alambique.inference.predict import predict
from alambique.models.labels import label_config
from alambique.stages import benchmark
from conftest import LABELS, Stages, rows, write_jsonl

WORKS, REFUSED, FAILS = "works", "refused", "FAILS"
COLUMNS = (
    "teacher, fine-tuned", "teacher, finished", "student", "student of its layers", "ONNX", "int8", "predict", "pairs",
)  # fmt: skip
MAX_LENGTH = 24
SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
SHORT = {"max_position_embeddings": 64}
ROBERTA = {**SIZE, "max_position_embeddings": 66, "type_vocab_size": 1}
DEBERTA = {**SIZE, **SHORT, "relative_attention": True, "pos_att_type": ["c2p", "p2c"], "type_vocab_size": 0}
DEBERTA_3 = {
    **DEBERTA, "position_buckets": 16, "norm_rel_ebd": "layer_norm", "share_att_key": True, "position_biased_input": False,
    "layer_norm_eps": 1e-7,
}  # fmt: skip
GROUPED = {**SIZE, **SHORT, "num_key_value_heads": 1}


@dataclass(frozen=True)
class Architecture:
    """One row of the table.

    Attributes:
        name: as people call it.
        model_type: as Transformers calls it.
        tokenizer: a key of :data:`TOKENIZERS`.
        tokenizer_class: what its checkpoints name; None: the tokenizer's own.
        options: of its config.
    """

    name: str
    model_type: str
    tokenizer: str
    tokenizer_class: str | None
    options: dict[str, Any] = field(default_factory=dict)


ARCHITECTURES = (
    Architecture("BERT", "bert", "WordPiece", "BertTokenizer", SIZE | SHORT),
    Architecture("BERT, cased", "bert", "cased WordPiece", "BertTokenizer", SIZE | SHORT),
    Architecture("DistilBERT", "distilbert", "WordPiece", "DistilBertTokenizer",
                 {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, **SHORT}),
    Architecture("RoBERTa", "roberta", "byte-level BPE", "RobertaTokenizer", ROBERTA),
    Architecture("XLM-RoBERTa", "xlm-roberta", "Unigram", "XLMRobertaTokenizer", ROBERTA),
    Architecture("CamemBERT", "camembert", "Unigram", "CamembertTokenizer", ROBERTA),
    Architecture("BERTweet", "roberta", "BPE, slow", None, ROBERTA),
    Architecture("ELECTRA", "electra", "WordPiece", "ElectraTokenizer", SIZE | SHORT | {"embedding_size": 16}),
    Architecture("ALBERT", "albert", "Unigram with [CLS]", "AlbertTokenizer", SIZE | SHORT | {"embedding_size": 16}),
    Architecture("DeBERTa", "deberta", "byte-level BPE with [CLS]", "DebertaTokenizer", DEBERTA),
    Architecture("DeBERTa-v2", "deberta-v2", "Unigram with [CLS]", "DebertaV2Tokenizer", DEBERTA | {"conv_kernel_size": 3}),
    Architecture("DeBERTa-v3", "deberta-v2", "Unigram with [CLS]", "DebertaV2Tokenizer", DEBERTA_3),
    Architecture("MPNet", "mpnet", "WordPiece", "MPNetTokenizer", {**SIZE, "max_position_embeddings": 66}),
    Architecture("ModernBERT", "modernbert", "byte-level BPE with [CLS]", "PreTrainedTokenizerFast",
                 SIZE | SHORT | {"local_attention": 16, "global_attn_every_n_layers": 2}),
    Architecture("MobileBERT", "mobilebert", "WordPiece", "MobileBertTokenizer",
                 SIZE | SHORT | {"embedding_size": 16, "intra_bottleneck_size": 16, "num_feedforward_networks": 2}),
    Architecture("SqueezeBERT", "squeezebert", "WordPiece", "SqueezeBertTokenizer", SIZE | SHORT | {"embedding_size": 32}),
    Architecture("ConvBERT", "convbert", "WordPiece", "ConvBertTokenizer",
                 SIZE | SHORT | {"embedding_size": 32, "head_ratio": 2}),
    Architecture("BigBird", "big_bird", "Unigram with [CLS]", "BigBirdTokenizer",
                 SIZE | SHORT | {"block_size": 4, "num_random_blocks": 1}),
    Architecture("RoFormer", "roformer", "WordPiece", "PreTrainedTokenizerFast", SIZE | SHORT | {"embedding_size": 32}),
    Architecture("Longformer", "longformer", "byte-level BPE", "RobertaTokenizer", ROBERTA | {"attention_window": [8, 8]}),
    Architecture("FNet", "fnet", "Unigram with [CLS]", "FNetTokenizer", SIZE | SHORT | {"tpu_short_seq_length": 64}),
    Architecture("Funnel", "funnel", "WordPiece", "FunnelTokenizer",
                 {"d_model": 32, "block_sizes": [1, 1], "n_head": 2, "d_head": 16, "d_inner": 64, "num_decoder_layers": 1}),
    Architecture("Nyströmformer", "nystromformer", "Unigram with [CLS]", "AlbertTokenizer",
                 SIZE | SHORT | {"num_landmarks": 64, "segment_means_seq_len": 64}),  # as in nystromformer-512
    Architecture("CANINE", "canine", "characters, slow", None,
                 SIZE | SHORT | {"num_hash_buckets": 128, "num_hash_functions": 4, "local_transformer_stride": 16}),
    Architecture("XLNet", "xlnet", "Unigram with <cls> last", "XLNetTokenizer",
                 {"d_model": 32, "n_layer": 2, "n_head": 2, "d_inner": 64}),
    Architecture("BART", "bart", "byte-level BPE", "BartTokenizer",
                 {"d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
                  "decoder_attention_heads": 2, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, **SHORT}),
    Architecture("T5", "t5", "Unigram with </s>", "T5Tokenizer",
                 {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}),
    Architecture("GPT-2", "gpt2", "byte-level BPE without padding", "GPT2Tokenizer",
                 {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64}),
    Architecture("Qwen2", "qwen2", "byte-level BPE of a decoder", "Qwen2Tokenizer", GROUPED),
    Architecture("Llama", "llama", "byte-level BPE without padding", "PreTrainedTokenizerFast", GROUPED),
)  # fmt: skip
NAMES = tuple(architecture.name for architecture in ARCHITECTURES)
LONG = ("CANINE",)  # its hash embeddings take seconds to make
each_architecture = pytest.mark.parametrize(
    "architecture",
    [
        pytest.param(architecture, id=architecture.name, marks=pytest.mark.slow if architecture.name in LONG else ())
        for architecture in ARCHITECTURES
    ],
)


# ---- tokenizers

BERTS = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
ROBERTAS = {
    "bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>",
    "cls_token": "<s>", "sep_token": "</s>",
}  # fmt: skip
XLNETS = {
    "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "cls_token": "<cls>", "sep_token": "<sep>",
    "pad_token": "<pad>", "mask_token": "<mask>",
}  # fmt: skip
BERT_FORM = ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
ROBERTA_FORM = ("<s> $A </s>", "<s> $A </s> </s> $B </s>")
XLNET_FORM = ("$A:0 <sep>:0 <cls>:2", "$A:0 <sep>:0 $B:1 <sep>:1 <cls>:2")
T5_FORM = ("$A </s>", "$A </s> $B </s>")


def wordpiece(texts, *, lowercase=True):
    made = Tokenizer(kinds.WordPiece(unk_token=BERTS["unk_token"]))
    made.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    special = list(BERTS.values())
    made.train_from_iterator(
        texts, trainers.WordPieceTrainer(vocab_size=300, special_tokens=special, show_progress=False)
    )
    return finished(made, BERTS, BERT_FORM)


def byte_level(texts, names, form):
    made = Tokenizer(kinds.BPE(unk_token=names.get("unk_token")))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=list(dict.fromkeys(names.values())), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator(texts, trainer)
    return finished(made, names, form)


def unigram(texts, names, form, **options):
    made = Tokenizer(kinds.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer, made.decoder = pre_tokenizers.Metaspace(), decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=200, special_tokens=list(dict.fromkeys(names.values())), unk_token=names["unk_token"],
        show_progress=False,
    )  # fmt: skip
    made.train_from_iterator(texts, trainer)
    return finished(made, names, form, **options)


def finished(made, names, form, **options):
    if form is not None:
        single, pair = form
        special = [(name, made.token_to_id(name)) for name in dict.fromkeys(names.values()) if name in single + pair]
        made.post_processor = processors.TemplateProcessing(single=single, pair=pair, special_tokens=special)
    return PreTrainedTokenizerFast(tokenizer_object=made, **names, **options)


def bertweet(texts, folder):
    """A vocabulary of letters and words in the form of fastBPE's files, which only slow tokenizers read."""
    words = sorted({word for text in texts for word in text.split()})
    letters = sorted({letter for word in words for letter in word})
    folder.mkdir(parents=True, exist_ok=True)
    pieces = dict.fromkeys([*(f"{letter}@@" for letter in letters), *letters])
    (folder / "vocab.txt").write_text("".join(f"{piece} 1\n" for piece in pieces), "utf-8")
    (folder / "bpe.codes").write_text("", "utf-8")
    return BertweetTokenizer(str(folder / "vocab.txt"), str(folder / "bpe.codes"))


TOKENIZERS = {
    "WordPiece": lambda texts, folder: wordpiece(texts),
    "cased WordPiece": lambda texts, folder: wordpiece(texts, lowercase=False),
    "byte-level BPE": lambda texts, folder: byte_level(texts, ROBERTAS, ROBERTA_FORM),
    "byte-level BPE with [CLS]": lambda texts, folder: byte_level(texts, BERTS, BERT_FORM),
    "byte-level BPE without padding": lambda texts, folder: byte_level(
        texts, {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>"}, None
    ),
    "byte-level BPE of a decoder": lambda texts, folder: byte_level(
        texts, {"eos_token": "<|endoftext|>", "pad_token": "<|pad|>"}, None
    ),
    "BPE, slow": bertweet,
    "Unigram": lambda texts, folder: unigram(texts, ROBERTAS, ROBERTA_FORM),
    "Unigram with [CLS]": lambda texts, folder: unigram(texts, BERTS, BERT_FORM),
    "Unigram with <cls> last": lambda texts, folder: unigram(texts, XLNETS, XLNET_FORM, padding_side="left"),
    "Unigram with </s>": lambda texts, folder: unigram(
        texts, {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}, T5_FORM
    ),
    "characters, slow": lambda texts, folder: CanineTokenizer(model_max_length=64),
}


def brought(architecture, folder):
    """A classifier with random weights in save_pretrained form; its labels come in another order than the data's."""
    texts = [row["text"] for row in rows(300, 5)]
    tokenizer = TOKENIZERS[architecture.tokenizer](texts, folder)
    names = ("pad_token_id", "bos_token_id", "eos_token_id", "cls_token_id", "sep_token_id")
    special = {name: getattr(tokenizer, name) for name in names if getattr(tokenizer, name) is not None}
    if architecture.model_type in ("bart", "t5"):
        special["decoder_start_token_id"] = special["pad_token_id"]
    torch.manual_seed(0)
    size = {} if architecture.model_type == "canine" else {"vocab_size": len(tokenizer)}
    config = AutoConfig.for_model(architecture.model_type, **(special | size | architecture.options))
    config.update(label_config((LABELS[2], *LABELS[:2])))
    AutoModelForSequenceClassification.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    if architecture.tokenizer_class:
        path = folder / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_class": architecture.tokenizer_class}))


# ---- what is done with each


def cells(architecture, folder: Path) -> dict[str, str]:
    """The row of an architecture: ``works``, or ``refused: SENTENCE`` where that is said before anything is trained.

    ``FAILS: …`` is what must not be.
    """
    brought(architecture, folder / "brought")
    for name, count, seed in (("train", 60, 1), ("valid", 24, 2), ("test", 24, 3)):
        made = rows(count, seed)
        for kind in ("single", "pair"):
            (folder / kind).mkdir(exist_ok=True)
            write_jsonl(folder / kind / f"{name}.jsonl", [row | {"more": row["text"][::-1]} for row in made])
    model, scratch = {"model": str(folder / "brought"), "epochs": 1}, {"layers": 1, "width": 16, "heads": 2}
    plain_student, plain_teacher = {"from_scratch": scratch, "epochs": 1}, {"from_scratch": scratch, "epochs": 1}
    done = {}
    done[COLUMNS[0]] = trial(folder, "fine-tuned", teacher=model, student=plain_student)
    done[COLUMNS[1]] = trial(folder, "finished", teacher={**model, "fine_tune": False}, student=plain_student)
    done[COLUMNS[2]] = trial(folder, "student", teacher=plain_teacher, student=model, formats=["onnx", "int8"])
    layers = {"from_teacher": {"architecture": "same", "layers": 1}, "epochs": 1}
    done[COLUMNS[3]] = trial(folder, "layers", teacher=model, student=layers)
    done[COLUMNS[4]], done[COLUMNS[5]] = (exported(folder / "run-student", name) for name in ("onnx", "int8"))
    done[COLUMNS[6]] = answered(folder / "run-student", "a lovely lamp") if done[COLUMNS[2]] == WORKS else "–"
    done[COLUMNS[7]] = trial(folder, "pairs", teacher=model, student=model, pairs=True)
    if done[COLUMNS[7]] == WORKS:
        done[COLUMNS[7]] = answered(folder / "run-pairs", "a lovely lamp\tpmal")
    return {column: cell.replace(str(folder), "FOLDER") for column, cell in done.items()}


def trial(folder, name, *, teacher, student, formats=(), pairs=False):
    """Distil once."""
    raw = {
        "data": {
            "source": str(folder / ("pair" if pairs else "single")), "text": ["text", "more"] if pairs else "text",
            "label": "label", "max_length": MAX_LENGTH,
        },
        "teacher": {**teacher, "allow_weak": True}, "student": student, "export": {"formats": list(formats)},
    }  # fmt: skip
    stages, short = Stages(), {"SINGLES": 2, "BATCHES": 1, "ROUNDS": 1, "_SIDE": 64}
    try:
        with mock.patch.multiple(benchmark, **short):  # how fast each is does not stand in the table
            distill(Recipe.from_dict(raw), folder / f"run-{name}", reporter=stages)
    except UserInputError as error:
        begun = [stage for stage in stages.begun if "seed" in stage]
        return f"{FAILS} after {begun[-1]}: {error}" if begun else f"{REFUSED}: {error}"
    except Exception as error:  # noqa: BLE001 - which is what the table must not have
        return f"{FAILS}: {type(error).__name__}: {error}"
    return WORKS


def exported(run, name):
    """Whether the student of a run has a file of this format, and why not."""
    if not (run / "report.json").is_file():
        return "–"
    entry = json.loads((run / "onnx" / "export.json").read_text())["models"][name]
    return WORKS if entry["file"] else f"{REFUSED}: {'; '.join(entry['problems'])}."


def answered(run, text):
    """Whether ``predict`` gives a label and probabilities that add up to one."""
    try:
        (answer,) = predict(run, [[text]])
    except Exception as error:  # noqa: BLE001
        return f"{FAILS}: {type(error).__name__}: {error}"
    right = answer["label"] in LABELS and abs(sum(answer["scores"].values()) - 1) < 1e-4
    return WORKS if right else f"{FAILS}: {answer}"
