import json

import pytest

from alambique.commands import export, rescore, rewrite_report
from alambique.errors import CorruptArtefactError, RunFolderError
from alambique.progress import Reporter
from alambique.stages.export import FORMATS


def test_models_score_again_what_the_report_says(exported):
    folder, _, report = exported
    for split in ("valid", "test"):
        scores = rescore(folder, split, reporter=Reporter())
        assert list(scores) == ["teacher", "student", "undistilled"]
        for name, figures in scores.items():
            assert figures == {
                metric: pytest.approx(report["models"][name][split][metric]["mean"])
                for metric in ("accuracy", "macro_f1")
            }


def test_the_report_is_written_again_from_the_artefacts(exported, run_folder):
    for name in ("report.json", "report.html", "README.md"):
        (run_folder / name).unlink()
    report = rewrite_report(run_folder).model_dump(mode="json")
    assert report == exported[2]
    assert json.loads((run_folder / "report.json").read_text("utf-8")) == report
    for name in ("report.html", "README.md"):
        assert (run_folder / name).read_bytes() == (exported[0] / name).read_bytes()


COMMANDS = {
    "evaluate": lambda folder: rescore(folder, "test", reporter=Reporter()),
    "report": rewrite_report,
    "export": lambda folder: export(folder, ["onnx"]),
}
every_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)


@every_command
def test_a_folder_that_is_not_a_run(tmp_path, command):
    with pytest.raises(RunFolderError) as caught:
        command(tmp_path)
    assert str(caught.value) == f"{tmp_path} is not a run folder: it has no recipe.yaml with a run id."


@every_command
def test_a_run_that_has_not_come_so_far(run_folder, command):
    (run_folder / "student" / "manifest.json").unlink()
    (run_folder / "data" / "manifest.json").unlink()
    first = "student" if command is COMMANDS["export"] else "data"
    with pytest.raises(RunFolderError) as caught:
        command(run_folder)
    assert str(caught.value) == f"{run_folder} has no {first} yet. Finish it with alambique distill."


@every_command
def test_a_student_that_was_changed_is_not_used(run_folder, command):
    (run_folder / "student" / "config.json").write_text("{}")
    with pytest.raises(CorruptArtefactError) as caught:
        command(run_folder)
    assert str(caught.value).startswith(
        f"{run_folder}/student/config.json has SHA-256 44136fa355b3678a…, its manifest "
    )
    assert str(caught.value).endswith("…: it is damaged and is not used. Make it again with alambique distill.")


def test_an_export_gives_the_facts_of_what_stands_there(run_folder):
    facts = export(run_folder, ["onnx"])
    assert facts == json.loads((run_folder / "onnx" / "export.json").read_text("utf-8"))
    assert export(run_folder, []) == {}
    assert set(FORMATS) == {"onnx", "int8"}
