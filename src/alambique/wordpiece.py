"""A WordPiece tokenizer trained on the train split, for models made from scratch."""

from collections.abc import Iterable

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

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
