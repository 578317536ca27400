"""The report of a finished run, written (:mod:`alambique.report.collect`, ``results`` and ``write``)."""

import json

import pytest

from alambique.artefacts import predictions
from alambique.report.results import read_results
from alambique.report.schema import Report
from alambique.report.write import write_report
from alambique.run.folder import RunFolder


@pytest.mark.usefixtures("drawn_figures")
def test_what_is_written_is_what_is_returned(run_folder):
    before = {name: (run_folder / name).read_bytes() for name in ("report.json", "report.html", "README.md")}
    for name in before:
        (run_folder / name).unlink()
    report = write_report(RunFolder.existing(run_folder))
    assert isinstance(report, Report)
    assert {name: (run_folder / name).read_bytes() for name in before} == before
    assert report.to_json().encode() == before["report.json"]


def test_each_file_of_logits_is_read_once(run_folder, monkeypatch):
    paths = []
    read = predictions.read_predictions

    def counted(path, ids):
        paths.append(path.relative_to(run_folder).as_posix())
        return read(path, ids)

    monkeypatch.setattr(predictions, "read_predictions", counted)
    write_report(RunFolder.existing(run_folder))
    models = ("teacher", "student", "undistilled", "tfidf", "majority")
    assert sorted(paths) == sorted(
        f"predictions/{name}/{split}.parquet" for name in models for split in ("valid", "test")
    )


def test_results_are_the_runs_own(run_folder):
    results = read_results(RunFolder.existing(run_folder))
    report = json.loads((run_folder / "report.json").read_text("utf-8"))
    assert results.best == report["seeds"]["kept"] == 0
    assert list(results.seeds) == results.recipe.model_dump(mode="json")["seeds"] == [0]
    assert {split.name: len(split) for split in results.splits} == report["data"]["rows"]
    assert [finding["code"] for finding in results.findings] == [f["code"] for f in report["data"]["findings"]]


def test_the_report_of_an_interrupted_export_has_none(run_folder):
    facts = json.loads((run_folder / "onnx" / "export.json").read_text("utf-8"))
    assert write_report(RunFolder.existing(run_folder)).export.temperature == facts["temperature"]
    (run_folder / "onnx" / "export.json").write_text(json.dumps(facts | {"student": "another"}))
    assert write_report(RunFolder.existing(run_folder)).export is None
