"""What a frontier says: sentences, the table, the error, the page."""

import re
from pathlib import Path

import pytest
from frontier_samples import POINTS, result, without_choice
from rich.console import Console

from alambique.frontier.page import frontier_page
from alambique.frontier.plots import AXES, front_of
from alambique.frontier.result import Machine
from alambique.frontier.words import points_table, summary, unmet


def test_the_choice_in_sentences():
    made = result()
    assert summary(made) == (
        "The choice within 10 MB is 3 layers, pruned, int8: macro-F1 60.0 % on valid (58.0 to 62.0), 2.10 ms per text, "
        "9.40 MB, 2,380 texts per second."
    )
    assert made.reason == "It is the best on valid of those within the budget."
    assert made.on_test == (
        "macro-F1 on test, before 8 bits: 58.0 % (56.0 to 60.0), its teacher 61.0 %, its undistilled twin 57.0 %. Test was "
        "looked at once, after the choice."
    )
    assert result(looked_at=("static", "3 layers, pruned")).on_test.endswith(
        "Test was looked at for 2 choices in this folder: it is no longer new."
    )
    assert made.caution == (
        "Figures on valid are optimistic for the best of 5 points on the same 1,284 rows. Each student is one training: "
        "another seed may change their order."
    )
    assert "Word counts (TF-IDF) alone have 50.0 %, no less than the choice." in result(choice="static, int8").caution
    assert summary(result(budgets=())).startswith("The choice is 3 layers, pruned, int8: ")


def test_a_busy_machine_is_said():
    machine = Machine(processor="A", cores=1, system="Linux", rates=(40.0, 70.0))
    assert result(machine=machine, trainings=3, points=POINTS[:1], choice="6 layers, fp32").caution == (
        "The machine was busy while it was timed: its own rate varied from 40 to 70 GFLOP/s. Run the command again when it "
        "is idle, for costs that can be relied on; nothing is trained again."
    )


def test_the_nearest_is_told_where_none_meets_the_budget():
    made = without_choice()
    assert summary(made).startswith("No student meets 5 MB and 1 ms. The nearest is static, int8: macro-F1 45.0 %")
    assert (made.reason, made.on_test) == ("", "")
    error = unmet(made, Path("f"))
    assert error.exit_status == 2
    assert str(error) == (
        "No student meets 5 MB and 1 ms. The nearest is static, int8: 8.50 MB, where 5 MB was asked for. All students are "
        "kept, and f/frontier.html shows them: the same command with another --budget trains nothing again, and --forms "
        "adds smaller students."
    )
    none = result(points=POINTS[-1:], choice=None, nearest=None, test=None)
    assert str(unmet(none, Path("f"))) == "No student passed the parity gate, so there is no choice."
    assert summary(none) == "There is no choice: no student passed the parity gate."


def test_the_table_has_a_row_per_point_then_teacher_and_tfidf():
    console = Console(width=120)
    with console.capture() as capture:
        console.print(points_table(result()))
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capture.get().splitlines() if "│" in line]
    assert cells == [
        ["6 layers, fp32", "62.0", "60.0 to 64.0", "8.00", "90.0", "625", "Pareto, over budget"],
        ["6 layers, int8", "61.0", "59.0 to 63.0", "4.00", "26.0", "1,250", "Pareto, over budget"],
        ["* 3 layers, pruned, int8", "60.0", "58.0 to 62.0", "2.10", "9.40", "2,380", "Pareto"],
        ["3 layers, int8", "60.0", "58.0 to 62.0", "2.20", "17.0", "2,270", "over budget"],
        ["static, int8", "45.0", "43.0 to 47.0", "0.0500", "8.50", "100,000", "Pareto"],
        ["1 layer, int8", "", "", "–", "–", "–", "refused"],
        ["Teacher", "63.0", "61.0 to 65.0", "12.0", "91.0", "300", ""],
        ["TF-IDF + logistic regression", "50.0", "48.0 to 52.0", "1.00", "0.900", "9,000", ""],
    ]


def test_each_picture_has_the_pareto_set_of_its_own_cost():
    offered = result().offered
    assert [point.name for point in front_of(offered, AXES["bytes"])] == [
        "static, int8", "3 layers, pruned, int8", "6 layers, int8", "6 layers, fp32",
    ]  # fmt: skip
    assert next(point.name for point in front_of(offered, AXES["texts_per_s"])) == "static, int8"


@pytest.mark.usefixtures("drawn_figures")
def test_the_page_needs_no_other_file_and_escapes_what_it_shows():
    page = frontier_page(result(), "my folder")
    body = page.split("<header>")[1]
    assert "my &lt;recipe&gt;.yaml" in body
    assert "&lt;the loss is not finite&gt;" in body
    assert "alambique predict &#39;my folder&#39;" in body
    assert body.count("<svg") == 3
    assert "<small>macro-F1 falls by 0.02</small>" in body
    assert set(re.findall(r'(?:src|href)="([^#"]*)"', page)) <= {"data:,", "report.html"}
    assert re.search(r"at\s+70, 71, 69 GFLOP/s", body)
    none = frontier_page(without_choice(), "f")
    assert "Use the choice" not in none
    assert ">5 MB</text>" in none  # the line of the budget
