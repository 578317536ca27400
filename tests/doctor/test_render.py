import pytest

from alambique.doctor.diagnose import Diagnosis, Estimate
from alambique.doctor.render import as_text
from alambique.findings import Finding

ROWS = {"train": 160, "valid": 48, "test": 40}
ESTIMATES = [Estimate("teacher", 5400.0, 2_340_000_000), Estimate("soft labels", 600.0, 900_000_000)]


def test_a_diagnosis_with_findings():
    findings = [
        Finding("nan-logits", "teacher", "The logits are NaN.", "Load it again.", 3, 0.5, ("valid-1",)),
        Finding("empty-texts", "train", "2 of 160 rows of train have no text.", "Remove them."),
    ]
    diagnosis = Diagnosis(findings, ESTIMATES, disk=45_600_000, free=7_890_000_000, device="cpu", rows=ROWS)
    assert (
        as_text(diagnosis)
        == """\
Rows: 160 train, 48 valid, 40 test

Findings: 2
  nan-logits (teacher)
    The logits are NaN.
    Load it again.
  empty-texts (train)
    2 of 160 rows of train have no text.
    Remove them.

Estimates on this machine (cpu), measured on a few batches
  teacher         1.5 h     2.3 GB memory
  soft labels    10 min     900 MB memory
  all             1.7 h     2.3 GB memory
  disk            46 MB needed, 7.9 GB free here"""
    )


@pytest.mark.parametrize(
    ("patient", "named"),
    [
        (("teacher",), "teacher"),
        (("student", "undistilled"), "student and undistilled"),
        (("teacher", "student", "undistilled"), "teacher, student and undistilled"),
    ],
)
def test_trainings_with_patience_are_the_longest_case(patient, named):
    stages = ("teacher", "student", "undistilled")
    estimates = [Estimate(stage, 80.0, 10**9, longest=stage in patient) for stage in stages]
    diagnosis = Diagnosis([], estimates, disk=1, free=2, device="cpu", rows={"train": 1})
    assert as_text(diagnosis).splitlines()[-3:] == [
        "  all             4 min     1.0 GB memory",
        f"  the longest case for {named}: patience may end training earlier",
        "  disk             0 MB needed, 0 MB free here",
    ]


def test_a_healthy_diagnosis():
    estimates = [Estimate("scoring", 59.4, 1_000_000_000)]
    diagnosis = Diagnosis([], estimates, disk=1, free=2, device="cuda:0", rows={"train": 1})
    assert (
        as_text(diagnosis)
        == """\
Rows: 1 train

Findings: none

Estimates on this machine (cuda:0), measured on a few batches
  scoring          59 s     1.0 GB memory
  all              59 s     1.0 GB memory
  disk             0 MB needed, 0 MB free here"""
    )


def test_a_model_that_cannot_be_used_has_no_estimates():
    finding = Finding("model-cannot-run", "teacher.model", "It fails.", "Choose another.")
    assert (
        as_text(Diagnosis([finding], [], 0, 1, "", {"train": 1}))
        == """\
Rows: 1 train

Findings: 1
  model-cannot-run (teacher.model)
    It fails.
    Choose another.

No estimates: the model cannot be used as it is."""
    )


def test_several_processes_are_several_devices():
    diagnosis = Diagnosis([], ESTIMATES, disk=1, free=2, device="cuda:0", rows=ROWS, processes=8)
    assert "Training will use 8 devices, one for each process; the estimates are for one." in as_text(diagnosis)
