import dataclasses
import json

import pytest

from alambique.findings import Finding


def test_a_finding_as_json():
    finding = Finding("empty-texts", "train", "2 rows have no text.", "Remove them.", 2, 0.5, ("train-1", "train-2"))
    assert json.loads(json.dumps(finding.as_dict())) == {
        "code": "empty-texts", "where": "train", "message": "2 rows have no text.", "advice": "Remove them.", "count": 2,
        "share": 0.5, "row_ids": ["train-1", "train-2"],
    }  # fmt: skip


def test_a_finding_that_counts_no_rows():
    finding = Finding("memory", "student", "It needs 3 GB.", "Lower batch_size.")
    assert (finding.count, finding.share, finding.row_ids) == (None, None, ())
    with pytest.raises(dataclasses.FrozenInstanceError):
        finding.count = 1
