"""report.html: what it says, that it stands alone, and that no data can break it."""

import re
from dataclasses import replace

import pytest
from report_samples import TWIN, full_report, hostile, plain_report, typed, unmeasured_report

from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.report.details import Details
from alambique.report.html import html_page


def page_of(report, details=None):
    return html_page(report, details or Details(), SINGLE_LABEL)


def test_page_of_a_report_full_of_nulls():
    page = page_of(typed(plain_report()))
    assert ">Verdict not computed</p>" in page
    assert (
        "Not computed on test: quadratic weighted kappa, mean absolute error, KL to teacher, calibration error, latency p50"
        in page
    )
    assert "<svg" not in page
    assert "None" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize(
    ("name", "heading"),
    [
        ("confusion", "<h2>Confusion matrices</h2>"),
        ("reliability", "<h3>Reliability</h3>"),
        ("losses", "<h3>Loss during training</h3>"),
        ("quality", "<h3>Quality during training</h3>"),
        ("token_lengths", "<h3>Lengths of the texts</h3>"),
        ("changed_rows", "<h2>What distillation changed</h2>"),
    ],
)
def test_any_detail_may_be_empty(name, heading):
    report, details = hostile()
    assert heading in page_of(report, details)
    assert heading not in page_of(report, replace(details, **{name: getattr(Details(), name)}))


def test_data_shows_as_text():
    page = page_of(*hostile())
    assert page.count("<script") == 1
    assert "&lt;/p&gt;&lt;script&gt;window.attacked=1&lt;/script&gt; WWW" in page
    assert "&lt;script&gt;window.attacked=1&lt;/script&gt;" in page
    assert "<img" not in page
    assert "<b>m" not in page
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f]", page)
    page.encode("utf-8")


def test_half_a_character_does_not_stop_the_page():
    report, details = hostile()  # neither a run's data nor a typed report can hold one
    names = ("\ud800", *report.data.label_names[1:])
    report = report.model_copy(update={"data": report.data.model_copy(update={"label_names": names})})
    changed = details.changed_rows
    halved = replace(changed, fixed=[replace(changed.fixed[0], text="half \udfff"), *changed.fixed[1:]])
    page = page_of(report, replace(details, changed_rows=halved))
    assert "half \ufffd" in page
    assert '<bdi class="label">\ufffd</bdi>' in page


def test_page_needs_nothing_from_elsewhere():
    page = page_of(*hostile())
    assert not re.search(r"https?://|\bsrc=[\"']|@import|url\((?!#)", page)
    assert set(re.findall(r'href="([^"#]*)', page)) <= {"data:,", ""}


def test_page_is_the_same_each_time():
    assert page_of(*hostile()) == page_of(*hostile())


@pytest.mark.usefixtures("drawn_figures")
def test_pictures_say_what_they_show_and_take_the_colours_of_the_page():
    page = page_of(*hostile())
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
    assert "&#34;text_pair&#34;" in page_of(typed(report))
    assert "text_pair" not in page_of(typed(plain_report()))


def test_the_verdict_leads_with_true_minus_signs_and_unbroken_percents():
    raw = full_report("no")
    raw["verdict"]["gain"] |= {"mean": -0.03, "low": -0.05, "high": -0.011}
    page = page_of(typed(raw))
    assert '<p class="badge no">Distillation hurt</p>' in page
    assert (
        f'<p class="verdict">Distillation hurt: −3.0 points of macro-F1 on test compared with {TWIN} (95\u00a0% interval '
        "over rows only: −5.0 to −1.1). The student keeps 95.0\u00a0% of the teacher&#39;s macro-F1 (90.0 to 100.0\u00a0%), "
        "has 75\u00a0% fewer parameters and answers 2.5 times as fast.</p>"
    ) in page
    assert '<dt>Gain</dt><dd class="figure">−3.0</dd><dd>points of macro-F1; −5.0 to −1.1</dd>' in page
    assert '<p class="badge not-shown">Not shown that distillation helped</p>' in page_of(typed(full_report()))
    assert (
        "only the student is right on 88 rows of test, only the undistilled student on 77 (McNemar's p = 0.43)" in page
    )


def test_a_figure_without_a_value_says_so():
    raw = full_report()
    raw["verdict"]["retention"] |= {"mean": None, "low": None, "high": None}
    page = page_of(typed(raw))
    assert '<dt>Teacher retained</dt><dd class="figure">not computed</dd>' in page
    assert "<td><small>not computed</small></td>" in page


def test_a_refused_export_says_so():
    from report_samples import complete_report

    page = page_of(typed(complete_report()))
    assert (
        '<tr><th scope="row">int8</th><td class="note">refused</td><td>0.0</td><td>last</td><td>100.0</td><td>–</td>'
        in page
    )


@pytest.mark.usefixtures("drawn_figures")
def test_a_further_teacher_has_its_name_and_the_teachers_colour():
    raw = full_report()
    raw["models"]["teachers/fold-0"] = raw["models"]["teacher"]
    page = page_of(typed(raw))
    assert '<span class="key teacher"></span>Teacher fold-0</th>' in page
    assert "teachers/fold-0</text>" in page


def test_what_the_machine_is():
    raw = full_report()
    raw["environment"] |= {"gflops_matmul": 123.456, "cpus": 2}
    page = page_of(typed(raw))
    facts = re.findall(r'<tr><th scope="row">(\w+)</th><td>([^<]*)</td></tr>', page.split(">machine</th>")[1])
    assert facts[:4] == [("python", "3.11"), ("cpus", "2"), ("gpu", "none"), ("gflops_matmul", "123.5")]


def test_a_gain_that_is_not_measured():
    page = page_of(typed(unmeasured_report()))
    assert '<p class="badge not-measured">Not measured whether distillation helped</p>' in page
    assert (
        '<p class="verdict">Not measured whether distillation helped: train has no labels, so there is no student trained '
        "without a teacher to compare with. What is measured is how much of the teacher the student keeps: 95.0\u00a0% of "
        "its macro-F1 on test (95\u00a0% interval over rows only: 90.0 to 100.0). The student has 75\u00a0% fewer "
        "parameters and answers 2.5 times as fast.</p>"
    ) in page
    assert "What cannot: that distillation is better than training the same model on labels." in page
    assert "undistilled" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)
    assert "The line marks no difference" not in page
    assert "The teacher labelled train, which has no labels of its own." in page
    assert "<td>–</td><td>62.5</td>" in page
    assert '<bdi class="label">bad</bdi></th><td>–</td><td>3</td><td>3</td></tr>' in page
