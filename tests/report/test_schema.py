"""The typed report: what it takes and refuses, that it dumps to the text it came from, its published schema."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import ValidationError
from report_samples import complete_report, full_report, plain_report, typed, unmeasured_report

from alambique.report.schema import Report, json_schema

ROOT = Path(__file__).parents[2]


def text_of(report):
    return json.dumps(report, indent=2, ensure_ascii=False) + "\n"


def test_a_report_dumps_to_the_text_it_came_from():
    text = text_of(complete_report())
    assert Report.model_validate_json(text).to_json() == text
    assert typed(complete_report()).model_dump(mode="json") == complete_report()


def test_the_report_of_a_run_is_its_json(exported):
    folder, _, report = exported
    text = (folder / "report.json").read_text("utf-8")
    assert Report.model_validate_json(text).to_json() == text
    assert json.loads(text) == report
    missing = [name for name, value in Report.model_validate_json(text) if value is None]
    assert missing == ["decision"]  # of a recipe without decide


def test_keys_that_an_older_report_lacks_are_null_or_empty():
    older = typed(plain_report())
    assert older.export is older.verdict is older.environment.cpus is None
    assert (older.data.ordinal, older.student.test.kl_to_teacher, older.student.calibration) == (False, None, None)
    raw = full_report()
    for key in ("rule", "counts", "mcnemar"):
        del raw["verdict"][key]
    del raw["verdict"]["gain"]["per_seed"]
    verdict = typed(raw).verdict
    assert (verdict.rule, verdict.counts, verdict.mcnemar, verdict.gain.per_seed) == (None, None, (), ())


@pytest.mark.parametrize(
    ("place", "key"),
    [
        ((), "later"),
        (("data",), "colour"),
        (("models", "student"), "speed"),
        (("verdict", "gain"), "median"),
        (("export", "models", "int8", "parity"), "drift"),
    ],
)
def test_a_key_that_nobody_declared_is_refused(place, key):
    raw = part = complete_report()
    for name in place:
        part[name] = dict(part[name])  # models share their parts
        part = part[name]
    part[key] = 1
    with pytest.raises(ValidationError, match="Extra inputs are not permitted") as error:
        typed(raw)
    assert error.value.errors()[0]["loc"] == (*place, key)


def test_a_task_may_add_figures_but_nothing_else():
    raw = complete_report()
    added = {"mean": 0.5, "low": None, "high": None, "per_seed": [0.5]}
    raw["models"]["student"]["test"] = raw["models"]["student"]["test"] | {"micro_f1": added}
    report = typed(raw)
    assert report.student.test.figure("micro_f1").mean == 0.5
    assert report.student.valid.figure("micro_f1") is None
    assert report.student.test.figure("macro_f1") == report.student.test.macro_f1
    assert report.to_json() == text_of(raw)
    raw["models"]["student"]["test"]["micro_f1"] = "high"
    with pytest.raises(ValidationError, match="micro_f1"):
        typed(raw)


def test_the_outcome_is_one_of_four():
    with pytest.raises(ValidationError, match="Input should be 'yes', 'no', 'not shown' or 'not measured'"):
        typed(full_report("maybe"))


def test_a_report_of_a_train_without_labels():
    report = typed(unmeasured_report())
    assert (report.undistilled, report.majority, report.verdict.gain) == (None, None, None)
    assert not report.data.labelled_train
    assert typed(full_report()).data.labelled_train
    assert report.data.count("train", "bad") == 0
    raw = unmeasured_report()
    raw["seeds"] |= {"students": [0, 1000, 2000]}
    assert typed(raw).means_over == "3 trainings of the student"


def test_a_report_is_frozen():
    report = typed(complete_report())
    with pytest.raises(ValidationError, match="frozen"):
        report.run_id = "another"
    with pytest.raises(ValidationError, match="frozen"):
        report.student.parameters = 1


def test_models_are_by_name_and_there_may_be_more_teachers():
    raw = complete_report()
    raw["models"]["teachers/fold-0"] = raw["models"]["teacher"] | {"parameters": 77}
    raw["models"]["student"] = raw["models"]["student"] | {"parameters": 5}
    report = typed(raw)
    assert report.models["teachers/fold-0"].parameters == 77
    assert (report.student.parameters, report.teacher.parameters, report.undistilled.parameters) == (5, 1000, 1000)
    assert report.majority is report.models["majority"]
    assert report.to_json() == text_of(raw)


def test_accessors():
    report = typed(complete_report())
    assert report.several_seeds
    assert not typed(plain_report()).several_seeds
    assert report.student.median_latency_ms == 1.5
    assert typed(plain_report()).student.median_latency_ms is None
    assert (report.data.count("train", "bad"), report.data.count("train", "unknown")) == (3, 0)
    assert report.choices.data.max_length == 16


@pytest.mark.parametrize(
    ("seeds", "students", "kept", "means", "place"),
    [
        ([0], [], 0, "", 0),  # of an older report
        ([0], [0], 0, "", 0),
        ([0, 1], [0, 1], 1, "2 seeds", 1),
        ([0], [0, 1000, 2000], 0, "3 trainings of student and undistilled student", 0),
        ([0, 1], [0, 1000, 1, 1001], 1, "2 seeds, each with 2 trainings of student and undistilled student", 2),
    ],
)
def test_what_the_figures_are_means_over(seeds, students, kept, means, place):
    raw = complete_report()
    raw["seeds"] |= {"all": seeds, "students": students, "kept": kept}
    report = typed(raw)
    assert (report.means_over, report.kept_training) == (means, place)


def test_the_published_schema_is_the_generated_one():
    done = subprocess.run(
        [sys.executable, "-m", "alambique.report.schema"], capture_output=True, check=True, encoding="utf-8"
    )
    assert (ROOT / "docs" / "report.schema.json").read_text("utf-8") == done.stdout == json_schema(), (
        "write it again: python -m alambique.report.schema > docs/report.schema.json"
    )


def test_the_schema_describes_every_key_and_requires_all_that_is_written():
    schema = json.loads(json_schema())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    for name, part in [("Report", schema), *schema["$defs"].items()]:
        assert part["required"] == list(part["properties"]), name
        assert part["additionalProperties"] is False or name == "Quality"
        assert all(key["description"].endswith(".") for key in part["properties"].values()), name
    assert schema["required"] == list(complete_report())
    assert schema["$defs"]["Latency"]["properties"]["p50"]["description"] == "Median, in milliseconds."
    assert schema["$defs"]["Quality"]["additionalProperties"]["anyOf"][0] == {"$ref": "#/$defs/Figure"}


def test_reading_a_report_and_wording_it_needs_no_torch():
    names = ("schema", "model_card", "terminal", "html", "verdict_words")
    code = f"import sys, {', '.join(f'alambique.report.{name}' for name in names)}\nprint('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


def test_the_page_about_the_report_reads_one_as_it_says(run_folder, tmp_path, monkeypatch, capsys):
    page = (ROOT / "docs" / "report.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.+?)```", page, re.DOTALL)
    report = json.loads((run_folder / "report.json").read_text("utf-8"))
    (tmp_path / "runs").mkdir()
    run_folder.rename(tmp_path / "runs" / "mine")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "report.md", "exec"), {})  # noqa: S102
    figure, helped = report["models"]["student"]["test"]["macro_f1"]["mean"], report["verdict"]["helped"]
    assert capsys.readouterr().out == f"{figure} {helped}\n"
