"""Answers outlive a kill; lines that are damaged do not count."""

import pytest

from alambique.inference.kept_answers import ANSWERS, BudgetSpentError, KeptAnswers
from alambique.inference.label_scores import Reply

REPLY = Reply("good ü \ud800", (("good", (("good", -0.5), ("bad", -100.0))),))


def test_nothing_is_written_before_something_is_asked(tmp_path):
    kept = KeptAnswers(tmp_path / "asked")
    kept.close()
    assert (kept.replies, kept.requests, list(tmp_path.iterdir())) == ({}, 0, [])


def test_what_is_kept_is_found_without_having_been_closed(tmp_path):
    kept = KeptAnswers(tmp_path)
    for _ in range(3):
        kept.spend()
    kept.keep("a", REPLY)
    kept.keep_form("service", 2)
    again = KeptAnswers(tmp_path)
    assert (again.replies, again.requests, again.forms) == ({"a": REPLY}, 3, {"service": 2})


def test_requests_of_earlier_attempts_count(tmp_path):
    kept = KeptAnswers(tmp_path, most=2)
    kept.spend()
    kept.close()
    again = KeptAnswers(tmp_path, most=2)
    again.spend()
    with pytest.raises(BudgetSpentError):
        again.spend()
    assert again.requests == KeptAnswers(tmp_path).requests == 2


def test_a_line_that_a_kill_cut_short_is_left_out_and_the_next_is_whole(tmp_path):
    kept = KeptAnswers(tmp_path)
    kept.keep("a", REPLY)
    kept.keep("b", REPLY)
    kept.close()
    file = tmp_path / ANSWERS
    file.write_bytes(file.read_bytes()[:-9])
    again = KeptAnswers(tmp_path)
    assert list(again.replies) == ["a"]
    again.keep("c", REPLY)
    again.close()
    assert list(KeptAnswers(tmp_path).replies) == ["a", "c"]


def test_a_line_that_is_damaged_is_left_out(tmp_path):
    kept = KeptAnswers(tmp_path)
    kept.keep("a", Reply("good"))
    kept.keep("b", Reply("good"))
    kept.close()
    file = tmp_path / ANSWERS
    file.write_bytes(file.read_bytes().replace(b"good", b"bad ", 1) + b"\xff\xfe\n{}\n[\n")
    assert list(KeptAnswers(tmp_path).replies) == ["b"]


def test_a_further_service_has_a_folder_below_that_of_the_first(tmp_path):
    kept = KeptAnswers(tmp_path / "asked" / "1")
    kept.keep("a", REPLY)
    kept.close()
    assert list(KeptAnswers(tmp_path / "asked" / "1").replies) == ["a"]
