"""The verdict as the terminal says it."""

import pytest

from alambique.report.terminal import sentence


def report(helped, counts):
    gain = {"metric": "macro_f1", "mean": -0.027, "low": -0.055, "high": 0.0012}
    return {"verdict": {"gain": gain, "helped": helped, "counts": counts}}


@pytest.mark.parametrize(
    ("helped", "begins"),
    [
        ("yes", "Distillation helped"),
        ("no", "Distillation hurt"),
        ("not shown", "It is not shown that distillation helped"),
    ],
)
def test_the_verdict_with_its_interval_and_what_one_seed_cannot_tell(helped, begins):
    said = (
        f"{begins}: -2.7 points of macro-F1 on test over the undistilled student (95 % interval -5.5 to +0.1, over rows"
    )
    assert sentence(report(helped, "rows and seeds")) == f"{said} and seeds)."
    assert (
        sentence(report(helped, "rows only")) == f"{said} only). Another seed may say otherwise: --seeds 5 would tell."
    )
