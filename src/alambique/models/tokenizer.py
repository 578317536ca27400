"""Tokenizers: trained on the train split, or a checkpoint's own, made to agree with its model; saved, and told apart."""

import copy
import hashlib
import inspect
import json
from collections.abc import Iterable
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import (
    AutoTokenizer,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
)

from alambique.artefacts.tokens import unchanged
from alambique.errors import ModelError, first_line
from alambique.findings import Finding
from alambique.models.inputs import TYPES, padding_side, token_types
from alambique.models.pretrained import forward_names, load_config

NO_TOKENIZER_JSON = "no-tokenizer-json"
_SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def train_wordpiece(texts: Iterable[str], *, vocabulary: int) -> PreTrainedTokenizerBase:
    """Train BERT's uncased tokenizer anew (Wu et al. 2016, "Google's Neural Machine Translation System", §4.1).

    Args:
        texts: what it must be able to read.
        vocabulary: the most pieces it may have; small sets need fewer.
    """
    texts = list(texts)
    learner = _bert_tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106 - no secret
    # The trainer numbers pieces in the order of a hash table and breaks ties by number, so no two trainings agree. Named
    # beforehand, in order, the pieces of one character have fixed numbers, and so has everything merged from them.
    letters = sorted({letter for text in texts for word, _ in _words(learner, text) for letter in word})
    first = [*_SPECIAL, *letters, *(f"##{letter}" for letter in letters)]
    learner.train_from_iterator(
        texts,
        trainers.WordPieceTrainer(vocab_size=max(vocabulary, len(first)), special_tokens=first, show_progress=False),
    )
    tokenizer = _bert_tokenizer(models.WordPiece(vocab=learner.get_vocab(), unk_token="[UNK]"))  # noqa: S106
    tokenizer.add_special_tokens(list(_SPECIAL))
    ids = {token: tokenizer.token_to_id(token) for token in _SPECIAL}
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",  # noqa: S106
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip


def _bert_tokenizer(model: models.WordPiece) -> Tokenizer:
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    return tokenizer


def _words(tokenizer: Tokenizer, text: str) -> list[tuple[str, tuple[int, int]]]:
    return tokenizer.pre_tokenizer.pre_tokenize_str(tokenizer.normalizer.normalize_str(text))


def tokenizer_key(tokenizer: PreTrainedTokenizerBase) -> str:
    """SHA-256 of what a tokenizer does; the length and padding it was last used with do not count."""
    if tokenizer.is_fast:
        state = json.loads(tokenizer.backend_tokenizer.to_str())
        backend = json.dumps({name: part for name, part in state.items() if name not in ("truncation", "padding")})
    else:
        backend = str(sorted(tokenizer.get_vocab().items()))
    more = "" if tokenizer.truncation_side == "right" else tokenizer.truncation_side  # keys made before stay valid
    if tokenizer.pad_token == tokenizer.eos_token:
        more += "padding is the end of a text"
    return hashlib.sha256(f"{backend}{tokenizer.model_input_names}{more}".encode()).hexdigest()


def save_tokenizer(tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Save a tokenizer; the file is the same whatever it was used for before.

    A fast tokenizer keeps the cut and padding of its last call, and would write them: a run that was continued, and skipped
    that call, would differ from one that was not.
    """
    tokenizer = copy.deepcopy(tokenizer)  # the caller's keeps its settings
    if tokenizer.is_fast:
        tokenizer.backend_tokenizer.no_truncation()
        tokenizer.backend_tokenizer.no_padding()
    tokenizer.save_pretrained(folder)


_VOCABULARIES = (
    "tokenizer.json", "vocab.txt", "vocab.json", "spiece.model", "sentencepiece.bpe.model", "spm.model", "tokenizer.model",
)  # fmt: skip


def tokenizer_digest(folder: Path) -> str:
    """SHA-256 of the tokenizer a model was saved with."""
    files = [path for name in _VOCABULARIES if (path := folder / name).is_file()]
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()


def load_tokenizer(folder: Path, *, key: str) -> PreTrainedTokenizerBase:
    """The tokenizer of a checkpoint, made to agree with the model beside it as :func:`agreeing` does.

    Raises:
        ModelError: there is none, or it has no padding token and nothing that can stand for it.
    """
    # without any of these transformers makes an empty tokenizer, which reads every word as unknown
    if not any((folder / name).is_file() for name in _VOCABULARIES):
        raise ModelError(f"{key}: {folder} has no tokenizer; save it there with tokenizer.save_pretrained(FOLDER).")
    try:
        tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
            folder, local_files_only=True, trust_remote_code=False
        )
    except Exception as error:
        raise ModelError(f"{key}: {folder} has no tokenizer that can be loaded ({first_line(error)}).") from error
    if (folder / "config.json").is_file():
        config = load_config(folder, key=key)
        tokenizer = agreeing(tokenizer, config, forward_names(config))
    if tokenizer.pad_token is None:
        raise ModelError(
            f"{key}: the tokenizer of {folder} has no padding token, so rows cannot be batched, and no end-of-text token "
            "that could stand for it. Choose one: tokenizer.pad_token = TOKEN, model.config.pad_token_id = "
            "tokenizer.pad_token_id, and save both there with save_pretrained."
        )
    return tokenizer


def for_model(tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel) -> PreTrainedTokenizerBase:
    """A copy of a tokenizer that agrees with a model: DistilBERT has no token types."""
    return agreeing(tokenizer, model.config, frozenset(inspect.signature(model.forward).parameters))


def agreeing(
    tokenizer: PreTrainedTokenizerBase, config: PreTrainedConfig, names: frozenset[str] | None
) -> PreTrainedTokenizerBase:
    """A copy of a tokenizer that gives its model what it can read.

    Token types that the model does not take, or has no embeddings for, are not named. A tokenizer without a padding token,
    or with one that was added and that the model has no embedding for, pads with the end of a text, as GPT-2 is used.
    Padding is put where it changes nothing (:func:`alambique.models.inputs.padding_side`).

    Args:
        tokenizer: it is not changed.
        config: of the model.
        names: what the model's forward pass names; None if that is not known.
    """
    copied = copy.deepcopy(tokenizer)
    table, size = token_types(config), config.to_dict().get("vocab_size")
    unread = (names is not None and TYPES not in names) or (table is not None and _largest_type(copied) >= table)
    if TYPES in copied.model_input_names and (unread or table in (0, 1)):
        copied.model_input_names = [name for name in copied.model_input_names if name != TYPES]
    padding, end = copied.pad_token_id, copied.eos_token_id
    lacking = padding is None or (isinstance(size, int) and padding >= size)
    if lacking and isinstance(end, int) and (not isinstance(size, int) or end < size):
        copied.pad_token = copied.eos_token
    if copied.padding_side != padding_side(config):
        copied.padding_side = padding_side(config)
    return copied


def no_tokenizer_json(tokenizer: PreTrainedTokenizerBase, *, where: str) -> Finding | None:
    """What to know of a student's tokenizer that is written in Python (BERTweet, PhoBERT): it has no ``tokenizer.json``.

    Args:
        tokenizer: of the student.
        where: the key of the recipe that it comes from.
    """
    if tokenizer.is_fast:
        return None
    return Finding(
        NO_TOKENIZER_JSON, where,
        f"The tokenizer, a {type(tokenizer).__name__}, is written in Python and has no tokenizer.json, which an exported "
        "model needs: the student is trained, and no ONNX file is made.",
        "To export it, choose a student whose tokenizer has a fast form; else set export.formats to [].",
    )  # fmt: skip


def _largest_type(tokenizer: PreTrainedTokenizerBase) -> int:
    if TYPES not in tokenizer.model_input_names:
        return 0
    with unchanged(tokenizer):
        return max(tokenizer("a", "a", verbose=False).get(TYPES) or [0])
