"""report.html: what it says, that it stands alone, and that no data can break it."""

import copy
import re

import pytest

from alambique.report.html import html_page, verdict_sentence

LABELS = [
    "<script>window.attacked=1</script>",
    "x" * 120,
    "مرحبا",
    "\u202eb\x00\x1b[31m",
    '$a_b$ & "q"',
    "' onload=f()",
]
TEXT = "</p><script>window.attacked=1</script> " + "W" * 2000
MODELS = ("teacher", "student", "undistilled", "tfidf", "majority")
TWIN = "the same model trained without a teacher"


def figure(mean):
    return {"mean": mean, "low": mean - 0.02, "high": mean + 0.02, "per_seed": [mean - 0.01, mean + 0.01]}


def plain_report():
    """As a run writes it today: no verdict, no cost, no intervals."""
    models = {}
    for i, name in enumerate(MODELS):
        quality = {"mean": 0.5 - 0.05 * i, "low": None, "high": None, "per_seed": [0.5 - 0.05 * i]}
        split = {"accuracy": quality, "macro_f1": quality, "agreement_with_teacher": quality}
        split["expected_calibration_error"] = None
        parameters = (1000, 250, 250, 90, 0)[i]
        models[name] = {
            "parameters": parameters,
            "bytes": 4 * parameters if i < 3 else None,
            "valid": split,
            "test": split,
        }
        models[name] |= {"latency_ms": None, "throughput_per_s": None}
    return {
        "alambique": "0.1.0", "run_id": "abc", "models": models, "verdict": None,
        "recipe": {"data": {"source": "reviews", "text": ["text"], "metadata": [], "max_length": 16}, "seeds": [0]},
        "data": {
            "rows": {"train": 9, "valid": 6, "test": 6}, "label_names": ["bad", "good"], "notes": [], "findings": [],
            "label_counts": {split: {"bad": 3, "good": 3} for split in ("train", "valid", "test")},
        },
        "seeds": {"all": [0], "kept": 0, "chosen_by": "valid macro_f1"}, "timings": {"teacher": 75.0},
        "environment": {"python": "3.11", "gpu": None, "versions": {"torch": "2"}},
    }  # fmt: skip


def full_report(helped="not shown", low=-0.01):
    report = copy.deepcopy(plain_report())
    report["verdict"] = {
        "gain": figure(0.02) | {"metric": "macro_f1", "low": low, "high": 0.05}, "helped": helped, "rule": "The rule.",
        "retention": figure(0.95) | {"metric": "macro_f1", "low": 0.9, "high": 1.0}, "counts": "rows only",
        "mcnemar": [{"seed": 0, "student_only_right": 88, "undistilled_only_right": 77, "p": 0.43}],
    }  # fmt: skip
    for milliseconds, name in zip((30.0, 12.0, 12.5, 0.6), MODELS, strict=False):
        report["models"][name] |= {
            "latency_ms": {"p50": milliseconds, "p99": 2 * milliseconds},
            "throughput_per_s": 99.0,
        }
    report["models"]["student"] |= {"temperature": 1.3}
    report["models"]["student"]["test"] = {
        **{key: figure(0.45) for key in ("accuracy", "macro_f1", "agreement_with_teacher", "expected_calibration_error")},
        "mean_absolute_error": figure(1.4), "kl_to_teacher": figure(0.2),
    }  # fmt: skip
    return report


def hostile():
    """A report whose names and texts would like to be a program, with everything drawn."""
    report = full_report()
    report["data"] |= {
        "label_names": LABELS, "label_counts": {split: {"x" * 120: 3} for split in ("train", "valid", "test")},
        "notes": ["<img src=x onerror=window.attacked=1>" + "y" * 300],
        "findings": [{"code": "c", "where": "test", "message": "<b>m</b>" + "m" * 300, "advice": "a", "row_ids": []}],
    }  # fmt: skip
    report["recipe"]["data"]["source"] = "/a/" + "z" * 200
    one = {"id": "<b>", "text": TEXT, "label": LABELS[0], "student": LABELS[1], "undistilled": LABELS[3]}
    history = [
        {"epoch": e / 2, "loss": 2 - e / 9} if e % 2 else {"epoch": e / 2, "eval_macro_f1": e / 9} for e in range(1, 9)
    ]
    bins = [
        {"low": b / 10, "high": b / 10 + 0.1, "rows": b, "confidence": b / 10, "accuracy": b / 12} for b in range(10)
    ]
    details = {
        "confusion": {name: [[3 * (i == j) + i for j in range(6)] for i in range(6)] for name in MODELS[:3]},
        "reliability": dict.fromkeys(MODELS[:3], bins),
        "curves": {"student": history, "undistilled": history},
        "token_lengths": [3, 5, 8, 13, 21],
        "changed_rows": {"fixed": [one] * 6, "broken": [one], "fixed_total": 88, "broken_total": 77},
    }
    return report, details


def test_sentence_of_each_verdict():
    rest = (
        "; the student keeps 95.0 % of the teacher's score (90.0 to 100.0 %), has 75 % fewer parameters and answers "
        "2.5 times as fast."
    )
    assert verdict_sentence(full_report("yes", low=0.005)) == (
        f"Distillation helped: the student's test macro-F1 is 2.0 points higher than that of {TWIN} "
        f"(95 % interval +0.5 to +5.0){rest}"
    )
    assert verdict_sentence(full_report("not shown")) == (
        f"It is not shown that distillation helped: the student's test macro-F1 is 2.0 points higher than that of {TWIN} "
        f"(95 % interval −1.0 to +5.0, which includes zero){rest}"
    )
    worse = full_report("no")
    worse["verdict"]["gain"] |= {"mean": -0.03, "low": -0.05, "high": -0.011}
    assert verdict_sentence(worse) == (
        f"Distillation did not help: the student's test macro-F1 is 3.0 points lower than that of {TWIN} "
        f"(95 % interval −5.0 to −1.1){rest}"
    )


def test_sentence_without_a_verdict_makes_nothing_up():
    assert verdict_sentence(plain_report()) == (
        "Whether distillation helped is not computed: on test the student reaches 45.0 % macro-F1, the same model trained "
        "without a teacher 40.0 % and the teacher 50.0 %; the student has 75 % fewer parameters."
    )


def test_sentence_leaves_out_what_is_null():
    report = full_report()
    report["verdict"] |= {"retention": None}
    report["verdict"]["gain"] |= {"mean": 0.0, "low": None, "high": None}
    report["models"]["teacher"]["latency_ms"] = None
    assert verdict_sentence(report) == (
        f"It is not shown that distillation helped: the student's test macro-F1 is the same as that of {TWIN}; "
        "the student has 75 % fewer parameters."
    )
    for key in ("rule", "counts", "mcnemar"):
        del report["verdict"][key]
    report["models"]["student"]["latency_ms"] = {"p50": None, "p99": None}
    assert "which includes zero" not in html_page(report, {})


def test_page_of_a_report_full_of_nulls():
    page = html_page(plain_report(), {})
    assert "Verdict not computed" in page
    assert "Not computed on test: mean absolute error, KL to teacher, calibration error, latency p50" in page
    assert "<svg" not in page
    assert "None" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize("key", ["confusion", "reliability", "curves", "token_lengths", "changed_rows"])
def test_any_detail_may_be_missing_or_empty(key):
    report, details = hostile()
    whole = html_page(report, details)
    assert len(html_page(report, {name: value for name, value in details.items() if name != key})) < len(whole)
    assert len(html_page(report, details | {key: type(details[key])()})) < len(whole)


def test_data_shows_as_text():
    page = html_page(*hostile())
    assert page.count("<script") == 1
    assert "&lt;/p&gt;&lt;script&gt;window.attacked=1&lt;/script&gt; WWW" in page
    assert "&lt;script&gt;window.attacked=1&lt;/script&gt;" in page
    assert "<img" not in page
    assert "<b>m" not in page
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", page)
    page.encode("utf-8")


def test_half_a_character_does_not_stop_the_page():
    report, details = hostile()
    report["data"]["label_names"][0] = "\ud800"
    details["changed_rows"]["fixed"][0] = details["changed_rows"]["fixed"][0] | {"text": "half \udfff"}
    assert "half \ufffd" in html_page(report, details)


def test_page_needs_nothing_from_elsewhere():
    page = html_page(*hostile())
    assert not re.search(r"https?://|\bsrc=[\"']|@import|url\((?!#)", page)
    assert set(re.findall(r'href="([^"#]*)', page)) <= {"data:,", ""}


def test_page_is_the_same_each_time():
    assert html_page(*hostile()) == html_page(*hostile())


def test_pictures_say_what_they_show_and_take_the_colours_of_the_page():
    page = html_page(*hostile())
    drawings = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(drawings) == 9
    assert all(
        re.match(r'<svg class="picture" viewBox="[\d. ]+" role="img" aria-label="[^"]+"><title>', one)
        for one in drawings
    )
    assert not re.search(r"(?:fill|stroke): ?#", "".join(drawings))


def test_a_pair_of_texts_is_used_as_one():
    report = plain_report()
    report["recipe"]["data"]["text"] = ["premise", "hypothesis"]
    assert "&#34;text_pair&#34;" in html_page(report, {})
    assert "text_pair" not in html_page(plain_report(), {})
