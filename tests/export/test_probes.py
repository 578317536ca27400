import numpy as np
import pytest

from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.export.probes import Probes
from conftest import rows

TEXTS = [(row["text"],) for row in rows(9, 9)]


class Loaded:
    """Stands for an exported model: PyTorch's logits of the probes, moved where a text is alone or among others."""

    def __init__(self, logits, *, alone=0.0, mixed=0.0):
        self.known, self.alone, self.mixed = logits, alone, mixed

    def logits(self, segments):
        return self.known(segments) + np.array(
            [self.alone if len(segments) == 1 else self.mixed, 0, 0], dtype=np.float32
        )


@pytest.fixture
def probes(tiny_distilbert, tokenizer):
    return Probes(tiny_distilbert(1), tokenizer, TEXTS, SINGLE_LABEL, max_length=24)


def test_empty_short_and_cut_texts(probes):
    texts = [row[0] for row in probes.rows]
    assert texts[:2] == ["", "a"]
    assert len(texts[-1].split()) > 24
    assert probes.expected.shape == (5, 3)
    np.testing.assert_allclose(probes.expected.sum(-1), 1, atol=1e-6)


def test_the_drift_is_the_larger_of_alone_and_mixed(probes):
    def same(segments):
        places = [probes.rows.index(row) for row in segments]
        return np.log(probes.expected[places])

    assert probes.drift(Loaded(same)) == pytest.approx(0, abs=1e-6)
    first = probes.expected[:, 0]
    moved = first * np.e / (first * np.e + 1 - first)  # softmax with 1 added to the first logit
    largest = float((moved - first).max())
    assert probes.drift(Loaded(same, alone=1.0)) == pytest.approx(largest, abs=1e-6)
    assert probes.drift(Loaded(same, mixed=1.0)) == pytest.approx(largest, abs=1e-6)
    assert probes.drift(Loaded(same, mixed=float("nan"))) == 1.0
