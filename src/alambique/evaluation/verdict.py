"""What the kept predictions are worth, with intervals, and whether distillation helped."""

from typing import Any

import numpy as np

from alambique.artefacts.predictions import Scored
from alambique.artefacts.splits import Split, Splits
from alambique.evaluation.intervals import (
    RULE,
    Interval,
    accuracy_contributions,
    calibration_contributions,
    helped,
    interval,
    macro_f1_contributions,
    mcnemar,
    retention_contributions,
)
from alambique.evaluation.metrics import (
    accuracy,
    agreement,
    divergences,
    expected_calibration_error,
    fit_temperature,
    macro_f1,
    mean_absolute_error,
    softmax,
)
from alambique.run.layout import (
    STUDENT,
    TEACHER,
    UNDISTILLED,
)


def figures(name: str, seeds: list[Scored], split: Split, *, ordinal: bool) -> dict[str, Any]:
    """One model's figures on one split, each ``{"mean", "low", "high", "per_seed"}``.

    Fractions from 0 to 1, but for ``kl_to_teacher`` (nats) and ``mean_absolute_error`` (steps of the label order; null if
    the labels have none).
    """
    logits = [scored[name].logits[split.name] for scored in seeds]
    teachers = [scored[TEACHER].logits[split.name] for scored in seeds]
    labels = split.labels
    both = list(zip(logits, teachers, strict=True))
    found: dict[str, Any] = {
        "accuracy": _over(logits, lambda z: accuracy(z, labels), lambda z: accuracy_contributions(z, labels)),
        "macro_f1": _over(logits, lambda z: macro_f1(z, labels), lambda z: macro_f1_contributions(z, labels)),
        "expected_calibration_error": _over(
            logits,
            lambda z: expected_calibration_error(softmax(z), labels),
            lambda z: calibration_contributions(z, labels),
        ),
        "agreement_with_teacher": _over(
            both, lambda p: agreement(*p), lambda p: (p[0].argmax(-1) == p[1].argmax(-1)).astype(np.float64)
        ),
    }
    shown = {metric: _clipped(value) for metric, value in found.items()}
    shown["kl_to_teacher"] = _over(both, lambda p: float(divergences(*p).mean()), lambda p: divergences(*p)).as_dict()
    steps = _over(
        logits, lambda z: mean_absolute_error(z, labels), lambda z: np.abs(z.argmax(-1) - labels).astype(float)
    )
    return shown | {"mean_absolute_error": steps.as_dict() if ordinal else None}


def calibration(name: str, seeds: list[Scored], splits: Splits) -> list[dict[str, float]]:
    """For each seed the temperature fitted on valid, and the calibration error on test with it."""
    fitted = []
    for scored in seeds:
        logits = scored[name].logits
        temperature = fit_temperature(logits["valid"], splits.valid.labels)
        after = expected_calibration_error(softmax(logits["test"], temperature), splits.test.labels)
        fitted.append({"temperature": temperature, "test_expected_calibration_error": after})
    return fitted


def verdict(seeds: dict[int, Scored], test: Split) -> dict[str, Any]:
    """Did distillation help? Student against its undistilled twin, and against the teacher, on test."""
    labels = test.labels
    gains, gain_parts, kept, kept_parts, tests = [], [], [], [], []
    for seed, scored in seeds.items():
        student, twin, teacher = (scored[name].logits[test.name] for name in (STUDENT, UNDISTILLED, TEACHER))
        gains.append(macro_f1(student, labels) - macro_f1(twin, labels))
        gain_parts.append(macro_f1_contributions(student, labels) - macro_f1_contributions(twin, labels))
        ratio, parts = retention_contributions(student, teacher, labels)
        kept.append(ratio)
        kept_parts.append(parts)
        tests.append({"seed": seed, **mcnemar(student, twin, labels)})
    gain = interval(gains, np.stack(gain_parts))
    nothing: dict[str, Any] = {"mean": None, "low": None, "high": None, "per_seed": []}
    retention = nothing if np.isnan(kept).any() else interval(kept, np.stack(kept_parts)).as_dict()
    return {
        "gain": {"metric": "macro_f1", **gain.as_dict()},
        "retention": {"metric": "macro_f1", **retention},
        "helped": helped(gain),
        "rule": RULE,
        "counts": "rows and seeds" if len(seeds) > 1 else "rows only",
        "mcnemar": tests,
    }


def _over(per_seed: list[Any], figure: Any, contributions: Any) -> Interval:
    return interval([figure(one) for one in per_seed], np.stack([contributions(one) for one in per_seed]))


def _clipped(found: Interval) -> dict[str, Any]:
    """A fraction's interval ends where the fraction does."""
    return found.as_dict() | {"low": max(0.0, found.low), "high": min(1.0, found.high)}


def best_seed(seeds: dict[int, Scored], splits: Splits) -> int:
    """The seed whose student has the best macro-F1 on valid; the first of equals."""
    labels = splits.valid.labels
    return max(seeds, key=lambda seed: macro_f1(seeds[seed][STUDENT].logits["valid"], labels))
