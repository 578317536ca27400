"""What a sweep says: the table, the sentences, the command, the page."""

import re

import pytest
from rich.console import Console

from alambique.report.parts import Interval
from alambique.sweep.page import sweep_page
from alambique.sweep.result import Point, SweepResult, TrialResult
from alambique.sweep.words import command, epochs_text, trials_table


def trial(number, value, mean=None, behind=None, **more):
    valid = None if mean is None else Interval(mean=mean, low=mean - 0.02, high=mean + 0.02)
    part = None if behind is None else Interval(mean=behind, low=behind - 0.05, high=behind + 0.05)
    status = {"status": "pruned" if mean is None else "done"} | more
    epochs = {"epochs": (4,), "planned": 4} | {k: status.pop(k) for k in ("epochs", "planned") if k in status}
    course = (Point(share=0.5, value=0.4), Point(share=1.0, value=mean or 0.45))
    return TrialResult(
        number=number, values={"distillation.loss": value}, valid=valid, behind=part, course=course, **epochs, **status
    )


def result(*trials, best=1, trainings=1):
    return SweepResult(
        alambique="0", recipe="my recipe.yaml", over=("distillation.loss=kl,{name: dkd, beta: 2},<b>",), sets=("seeds=[3]",),
        metric="macro_f1", valid_rows=1200, trainings=trainings, trials=trials, best=best,
    )  # fmt: skip


THREE = result(
    trial(1, "kl", 0.62), trial(2, "{name: dkd, beta: 2}", 0.6, 0.02), trial(3, "<b>", epochs=(2,), reason="behind")
)

pytestmark = pytest.mark.usefixtures("drawn_figures")


def test_the_summary_and_what_the_figure_does_not_say():
    assert THREE.summary == (
        "3 trials (2 done, 1 pruned). Trial 1 is the best on valid: macro-F1 62.0 % (60.0 to 64.0), with "
        "distillation.loss=kl."
    )
    assert THREE.caution == (
        "This figure is optimistic: it is the best of 2 on the same 1,200 rows of valid, and so lucky in part. Expect less "
        "on other rows. 1 of the 1 other finished trials cannot be told from it on these rows. Each trial is one training: "
        "another seed may change their order. Test was not looked at."
    )
    clear = result(trial(1, "kl", 0.7), trial(2, "mse", 0.6, 0.1), trainings=3)
    assert clear.caution == (
        "This figure is optimistic: it is the best of 2 on the same 1,200 rows of valid, and so lucky in part. Expect less "
        "on other rows. On these rows it is better than each other finished trial by more than chance. Test was not looked "
        "at."
    )
    assert result(trial(1, "kl", 0.7)).caution == (
        "Each trial is one training: another seed may change their order. Test was not looked at."
    )
    none = result(trial(1, "kl"), best=None)
    assert (none.summary, none.caution) == ("1 trial (1 pruned). There is no winner.", "")


def test_the_command_takes_the_winners_values():
    assert command(THREE) == (
        "alambique distill 'my recipe.yaml' \\\n  --set 'seeds=[3]' \\\n  --set distillation.loss=kl"
    )


def test_epochs_are_those_made_of_those_planned():
    assert epochs_text(trial(1, "kl", 0.6)) == "4"
    assert epochs_text(trial(1, "kl", 0.6, epochs=(3, 4, 3))) == "3, 4 of 4"
    assert epochs_text(trial(1, "kl", epochs=())) == "–"


def test_the_table_has_a_row_per_trial_and_a_star_at_the_winner():
    console = Console(width=100)
    with console.capture() as capture:
        console.print(trials_table(THREE))
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in capture.get().splitlines() if "│" in line]
    assert cells == [
        ["* 1", "kl", "62.0", "60.0 to 64.0", "4", "done"],
        ["2", "{name: dkd, beta: 2}", "60.0", "58.0 to 62.0", "4", "done"],
        ["3", "<b>", "", "", "2 of 4", "pruned"],
    ]
    assert "valid: macro-F1, percent, with its 95 % interval over rows; * the winner" in capture.get()


def test_the_page_needs_no_other_file_and_escapes_what_it_shows():
    page = sweep_page(THREE)
    assert "&lt;b&gt;" in page
    assert "<b>" not in page.split("<main>")[1]
    assert page.count("<svg") == 3  # trials, their course, one key
    assert set(re.findall(r'(?:src|href)="([^#"]*)"', page)) <= {"data:,"}
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert re.search(r"<td>pruned<small>behind</small></td>", page)
    assert "There is no winner." in sweep_page(result(trial(1, "kl"), best=None))
