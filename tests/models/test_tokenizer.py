from alambique.models.tokenizer import train_wordpiece

TEXTS = ["low lower lowest", "new newer newest", "Wide WIDER widest", "slow slower", "ábaco número"] * 3


def test_no_two_trainings_differ():
    made = {train_wordpiece(TEXTS, vocabulary=90).backend_tokenizer.to_str() for _ in range(8)}
    assert len(made) == 1


def test_it_reads_as_bert_does():
    tokenizer = train_wordpiece(TEXTS, vocabulary=200)
    encoded = tokenizer("LOW", "newer")
    assert tokenizer.convert_ids_to_tokens(encoded["input_ids"]) == ["[CLS]", "low", "[SEP]", "newer", "[SEP]"]
    assert encoded["token_type_ids"] == [0, 0, 0, 1, 1]
    assert tokenizer.convert_ids_to_tokens(tokenizer("ÁBACO")["input_ids"])[1:-1] == ["abaco"]


def test_unseen_words_fall_apart_into_pieces_and_unseen_letters_are_unknown():
    tokenizer = train_wordpiece(TEXTS, vocabulary=200)
    pieces = tokenizer.convert_ids_to_tokens(tokenizer("slowest")["input_ids"])[1:-1]
    assert len(pieces) > 1
    assert "".join(piece.removeprefix("##") for piece in pieces) == "slowest"
    assert tokenizer.convert_ids_to_tokens(tokenizer("9")["input_ids"])[1:-1] == ["[UNK]"]


def test_the_pieces_of_one_letter_are_ordinary_text():
    """Named beforehand in training, they must not be split off as special tokens."""
    tokenizer = train_wordpiece(TEXTS, vocabulary=200)
    assert tokenizer.convert_ids_to_tokens(tokenizer("##w")["input_ids"])[1:-1] == ["[UNK]", "[UNK]", "w"]
    assert set(tokenizer.all_special_tokens) == {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"}
