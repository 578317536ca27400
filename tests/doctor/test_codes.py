import pytest

from alambique.doctor.codes import Code
from alambique.findings import Finding

CODE = Code("too-short", "texts are too short", "Write more.")


def test_a_finding_has_the_name_and_the_advice_of_its_code():
    assert CODE.finding("train", "It is short.") == Finding("too-short", "train", "It is short.", "Write more.")


@pytest.mark.parametrize(("count", "of", "share"), [(3, 12, 0.25), (3, None, None), (0, 0, 0.0), (None, 12, None)])
def test_a_count_is_a_share_of_the_rows(count, of, share):
    finding = CODE.finding("train", "It is short.", count=count, of=of)
    assert (finding.count, finding.share) == (count, share)


def test_the_first_ten_rows_are_listed():
    ids = [f"train-{i}" for i in range(11)]
    assert CODE.finding("train", "", row_ids=ids).row_ids == tuple(ids[:10])
