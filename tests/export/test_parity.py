import numpy as np
import pytest

from alambique.export.parity import compare, int8_problems, onnx_problems, probe_problems, probe_rows
from alambique.recipe.sections import Export

LABELS = np.array([0, 1, 1, 0])
REFERENCE = np.log(np.array([[0.9, 0.1], [0.2, 0.8], [0.48, 0.52], [0.6, 0.4]], dtype=np.float32))


def after(*rows):
    return np.log(np.array(rows, dtype=np.float32))


def test_the_figures_are_those_worked_out_by_hand():
    logits = after([0.8, 0.2], [0.2, 0.8], [0.51, 0.49], [0.6, 0.4])
    parity = compare(logits, REFERENCE, LABELS, margin=0.05)
    assert (parity.rows, parity.confident_rows) == (4, 3)  # 0.52 − 0.48 is less than 0.05
    assert parity.agreement == 0.75
    assert parity.confident_agreement == 1.0
    assert parity.max_drift == pytest.approx(0.1)
    assert parity.mean_drift == pytest.approx((0.1 + 0.03) * 2 / 8)
    # all right before; after: label 0 has F1 2·2/(3 + 2) = 0.8, label 1 has 2·1/(1 + 2) = 2/3
    assert parity.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert parity.macro_f1_drop.mean == pytest.approx(1 - (0.8 + 2 / 3) / 2)
    assert parity.macro_f1_drop.low < parity.macro_f1_drop.mean < parity.macro_f1_drop.high
    assert int8_problems(parity, Export()) == [
        "probabilities drift by 0.0325 in the mean (export.int8_mean_drift is 0.02)"
    ]
    assert onnx_problems(parity, Export()) == ["a probability drifts by 0.1 (export.onnx_max_drift is 0.0001)"]


def test_a_flip_of_a_confident_row_is_named():
    parity = compare(after([0.9, 0.1], [0.2, 0.8], [0.48, 0.52], [0.49, 0.51]), REFERENCE, LABELS, margin=0.05)
    assert parity.confident_agreement == pytest.approx(2 / 3)
    assert int8_problems(parity, Export(int8_mean_drift=0.1)) == [
        "it agrees on 66.67 % of 3 confident rows (export.int8_agreement is 0.99)"
    ]
    assert int8_problems(parity, Export(int8_mean_drift=0.1, int8_agreement=0.6)) == []


def test_a_drop_counts_only_if_its_whole_interval_is_above_the_limit():
    labels = np.tile([0, 1], 100)
    right = np.where(labels[:, None] == np.arange(2), 2.0, 0.0).astype(np.float32)
    few, many = right.copy(), right.copy()
    few[:2], many[:60] = few[:2, ::-1], many[:60, ::-1]
    loose = Export(int8_mean_drift=1.0, int8_agreement=0.0)
    two, sixty = (compare(logits, right, labels, margin=0.05) for logits in (few, many))
    assert two.macro_f1_drop.mean == pytest.approx(0.01)  # above half a point, but so may be chance
    assert int8_problems(two, loose) == []
    assert sixty.macro_f1_drop.mean == pytest.approx(0.3)
    assert int8_problems(sixty, loose) == [
        f"macro-F1 drops by 30.0 points, by at least {100 * sixty.macro_f1_drop.low:.1f} "
        "(export.int8_macro_f1_drop is 0.005)"
    ]


def test_equal_logits_have_no_drift_and_a_shift_is_none():
    parity = compare(REFERENCE + 3, REFERENCE, LABELS, margin=0.05)
    assert parity.max_drift == pytest.approx(0, abs=1e-6)
    assert (parity.agreement, parity.macro_f1_drop.mean) == (1.0, 0.0)


def test_without_confident_rows_their_agreement_is_left_open():
    parity = compare(REFERENCE, REFERENCE, LABELS, margin=0.95)
    assert (parity.confident_rows, parity.confident_agreement) == (0, None)
    assert int8_problems(parity, Export()) == []


def test_logits_that_are_no_numbers_are_the_greatest_drift():
    logits = REFERENCE.copy()
    logits[0] = np.nan
    parity = compare(logits, REFERENCE, LABELS, margin=0.05)
    assert parity.max_drift == 1.0
    assert parity.mean_drift == pytest.approx(2 / 8, abs=1e-6)


def test_further_texts_are_empty_short_and_cut():
    rows = probe_rows([("lamp",), ("a lovely lamp",)], max_length=9)
    assert [row[0] for row in rows[:4]] == ["", "a", "a", "a lovely lamp"]
    assert len(rows[4][0].split()) > 9
    pairs = probe_rows([("", "door")], max_length=9)
    assert {len(row) for row in pairs} == {2}
    assert ("", "") in pairs
    assert probe_problems(1e-5, Export()) == []
    assert probe_problems(0.5, Export()) == [
        "a probability of an empty, short or cut text drifts by 0.5 (export.onnx_max_drift is 0.0001)"
    ]
