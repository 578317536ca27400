import numpy as np

from alambique.artefacts.splits import Split
from alambique.evaluation.baselines import Tfidf, majority_logits


def split(texts, labels, pairs=None):
    return Split("train", tuple(map(str, range(len(texts)))), tuple(texts), pairs, np.array(labels))


def test_majority_gives_the_log_frequencies():
    logits = majority_logits(split(["a"] * 4, [0, 2, 2, 2]), rows=2, classes=3)
    np.testing.assert_allclose(np.exp(logits), [[0.25, 0, 0.75]] * 2, atol=1e-6)


def test_tfidf_learns_words_and_keeps_a_place_for_a_class_it_never_saw():
    train = split(["good lamp", "good door", "bad lamp", "bad door"] * 3, [0, 0, 2, 2] * 3)
    model = Tfidf(train)
    logits = model.logits(split(["bad kettle", "good kettle"], [2, 0]), classes=3)
    assert logits.argmax(-1).tolist() == [2, 0]
    np.testing.assert_allclose(np.exp(logits).sum(-1), 1, atol=1e-6)
    # words good, bad, lamp, door and the pairs of them, one weight each (two classes share a row), and an intercept
    assert model.parameters == 8 + 1


def test_tfidf_reads_both_segments():
    train = split(["lamp"] * 8, [0, 1] * 4, pairs=("good", "bad") * 4)
    model = Tfidf(train)
    assert model.logits(split(["lamp"] * 2, [0, 1], pairs=("good", "bad")), classes=2).argmax(-1).tolist() == [0, 1]
    assert model.parameters == 5 + 1  # lamp, good, bad, lamp good, lamp bad


def test_a_word_must_stand_twice_where_there_are_many_rows():
    texts = ["good" if i % 2 else "bad" for i in range(999)]
    assert Tfidf(split([*texts, "once"], [0, 1] * 500)).parameters == 2 + 1
    assert Tfidf(split([*texts[:998], "once"], [0, 1] * 499 + [0])).parameters == 3 + 1  # 999 rows


def test_letters_are_counted_where_no_word_stands_twice():
    texts = [("\u597d" if i % 2 else "\u574f") + chr(0x5000 + i) for i in range(1000)]  # no blanks between words
    model = Tfidf(split(texts, [0, 1] * 500))
    assert model.logits(split(["\u597d\u4e00", "\u574f\u4e00"], [1, 0]), classes=2).argmax(-1).tolist() == [1, 0]
