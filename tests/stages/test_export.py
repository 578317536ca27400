import errno
import json
import shutil

import onnx
import pytest
from onnx import numpy_helper

from alambique import Recipe, distill
from alambique.artefacts.predictions import read_scored
from alambique.artefacts.splits import read_splits, run_data
from alambique.commands import export
from alambique.errors import DiskError, ExportError, OutOfMemoryError, ParityError
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.export.parity import compare, int8_problems
from alambique.export.quantization import search as remedies
from alambique.export.quantization.graph import linear_layers, load_graph
from alambique.inference.onnx_model import OnnxModel
from alambique.models.inputs import ModelInputs
from alambique.recipe.sections import Export
from alambique.run.folder import RunFolder

FILES = ["config.json", "export.json", "manifest.json", "model.onnx", "model_int8.onnx", "tokenizer.json",
         "tokenizer_config.json"]  # fmt: skip


@pytest.fixture(scope="module")
def valid(exported):
    return read_splits(exported[0] / "data").valid


@pytest.fixture(autouse=True)
def _traced_once(exported, monkeypatch):
    """Tracing takes seconds, and gives the same graph each time: after the first run it is copied."""
    graph = exported[0] / "onnx" / "model.onnx"
    monkeypatch.setattr(
        "alambique.stages.export.export_graph", lambda model, path, inputs: path.write_bytes(graph.read_bytes())
    )


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def damaged(content):
    """The same graph with its word embeddings in the opposite order: it loads and answers."""
    model = onnx.load_from_string(content)
    table = next(one for one in model.graph.initializer if ".word_embeddings.weight_" in one.name)
    turned = numpy_helper.to_array(table)[::-1].copy()
    table.CopyFrom(numpy_helper.from_array(turned, table.name))
    return model


def refusing(monkeypatch, stage):
    """Damage each int8 graph as it is made."""
    made = stage.quantize
    monkeypatch.setattr(stage, "quantize", lambda *arguments: damaged(made(*arguments).SerializeToString()))


def test_distill_exports_files_whose_figures_can_be_measured_again(exported, valid):
    folder, _, report = exported
    assert names(folder / "onnx") == FILES
    facts = json.loads((folder / "onnx" / "export.json").read_text())
    splits, _ = run_data(RunFolder.existing(folder))
    reference = read_scored(RunFolder.existing(folder), "student", splits).logits["valid"]
    assert facts["temperature"] == SINGLE_LABEL.fit_temperature(reference, valid.labels)
    assert {name: facts[name] for name in ("label_names", "pairs", "max_length", "pad_id", "opset", "inputs")} == {
        "label_names": ["bad", "fair", "good"], "pairs": False, "max_length": 24, "pad_id": 0, "opset": 18,
        "inputs": ["input_ids", "attention_mask"],
    }  # fmt: skip
    assert facts["model_inputs"] == {
        "names": ["attention_mask", "input_ids"], "shortest": 2, "max_length": 24, "truncation_side": "right",
        "padding_side": "right", "padding": {"input_ids": 0}, "dtype": "int64",
    }  # fmt: skip
    assert list(facts["models"]) == ["onnx", "int8"]
    for entry in facts["models"].values():
        path = folder / "onnx" / entry["file"]
        assert entry["bytes"] == path.stat().st_size
        logits = OnnxModel(path, folder / "onnx" / "tokenizer.json", ModelInputs.recorded(facts)).logits(
            valid.segments()
        )
        parity = compare(logits, reference, valid.labels, margin=0.05)
        assert entry["parity"] == parity.as_dict()
        assert entry["problems"] == entry["tried"] == []
    assert facts["models"]["onnx"]["parity"]["max_drift"] < 1e-5
    assert facts["models"]["int8"]["scheme"] == "calibrated ranges, 7-bit weights, 8-bit embeddings"
    assert facts["models"]["int8"]["bytes"] < 0.55 * facts["models"]["onnx"]["bytes"]
    for entry in facts["models"].values():  # the report has every key
        for made in (entry, *entry["tried"]):
            made["parity"]["labels"] = []
    assert report["export"] == {name: facts[name] for name in ("opset", "temperature", "inputs", "models")} | {
        "findings": [], "thresholds": None,
    }  # fmt: skip
    assert report["timings"]["onnx"] > 0
    assert "model_int8.onnx" in (folder / "README.md").read_text()
    assert "model_int8.onnx" in (folder / "report.html").read_text()


def test_a_damaged_int8_file_that_loads_fails_the_gate(exported, valid):
    folder = exported[0]
    splits, _ = run_data(RunFolder.existing(folder))
    reference = read_scored(RunFolder.existing(folder), "student", splits).logits["valid"]
    content = damaged((folder / "onnx" / "model_int8.onnx").read_bytes()).SerializeToString()
    facts = json.loads((folder / "onnx" / "export.json").read_text())
    logits = OnnxModel(content, folder / "onnx" / "tokenizer.json", ModelInputs.recorded(facts)).logits(
        valid.segments()
    )
    problems = int8_problems(compare(logits, reference, valid.labels, margin=0.05), Export())
    assert problems[0].startswith("probabilities drift by ")


def test_what_stands_is_not_made_again_and_formats_add_up(run_folder, monkeypatch):
    before = {path.name: path.stat().st_mtime_ns for path in (run_folder / "onnx").iterdir()}
    facts = export(run_folder, ["int8"])
    assert list(facts["models"]) == ["onnx", "int8"]
    assert {path.name: path.stat().st_mtime_ns for path in (run_folder / "onnx").iterdir()} == before

    (run_folder / "onnx" / "model_int8.onnx").write_bytes(b"broken")
    assert list(export(run_folder, ["onnx"])["models"]) == ["onnx", "int8"]
    assert (run_folder / "onnx" / "model_int8.onnx").stat().st_size == facts["models"]["int8"]["bytes"]


def test_one_format_alone_and_then_the_other(exported, run_folder):
    shutil.rmtree(run_folder / "onnx")
    export(run_folder, ["int8"])
    assert names(run_folder / "onnx") == [name for name in FILES if name != "model.onnx"]
    export(run_folder, ["onnx"])
    assert names(run_folder / "onnx") == FILES


def test_a_remedy_that_fails_is_followed_by_the_next(run_folder, monkeypatch):
    made = remedies.quantize

    def spoil_all_layers(model, nodes, calibration):
        result = made(model, nodes, calibration)
        return damaged(result.SerializeToString()) if len(nodes) == layers else result

    layers = len(linear_layers(load_graph(run_folder / "onnx" / "model.onnx")))
    monkeypatch.setattr(remedies, "quantize", spoil_all_layers)
    (run_folder / "onnx" / "manifest.json").unlink()
    entry = export(run_folder, ["int8"])["models"]["int8"]
    left = -(-layers // 4)
    assert entry["scheme"] == f"calibrated ranges, 7-bit weights, {left} sensitive layers in fp32, 8-bit embeddings"
    assert [one["scheme"] for one in entry["tried"]] == ["calibrated ranges, 7-bit weights, 8-bit embeddings"]
    assert entry["tried"][0]["problems"] != []


def test_if_none_passes_the_command_keeps_nothing_and_names_what_was_tried(run, exported, run_folder, monkeypatch):
    shutil.rmtree(run_folder / "onnx")
    before = names(run_folder)
    refusing(monkeypatch, remedies)
    status, out, err = run("export", run_folder, "--quiet")
    assert (status, out) == (1, "")
    lines = err.splitlines()
    assert lines[0] == (
        "alambique: The exported student does not do on valid what it does in PyTorch, so it is not kept. This was tried:"
    )
    assert lines[1] == "int8:"
    tried = [line.strip().split(" (")[0] for line in lines[2:-1]]
    assert len(tried) == len(set(tried)) == 3
    assert tried[0] == "calibrated ranges, 7-bit weights, 8-bit embeddings"
    assert all("probabilities drift by " in line for line in lines[2:-1])
    assert lines[-1] == (
        "If you can do with less, set those keys: alambique distill RECIPE --out RUN --set export.KEY=VALUE "
        "trains nothing again."
    )
    assert names(run_folder) == before


def test_within_distill_it_is_a_finding(exported, run_folder, monkeypatch):
    _, recipe, _ = exported
    (run_folder / "onnx" / "manifest.json").unlink()
    refusing(monkeypatch, remedies)
    report = distill(recipe, run_folder)
    assert names(run_folder / "onnx") == [name for name in FILES if name != "model_int8.onnx"]
    entry = report["export"]["models"]["int8"]
    assert (entry["file"], len(entry["tried"])) == (None, 2)
    (finding,) = report["export"]["findings"]
    assert finding["code"] == "int8_refused"
    assert finding["message"] == (
        "The int8 export of the student does not match PyTorch on valid, so it is refused: "
        f"{'; '.join(entry['problems'])}."
    )
    assert "int8: refused" in (run_folder / "README.md").read_text()
    with pytest.raises(ParityError, match="This was tried"):  # it stands in the run that none passed
        export(run_folder, ["int8"])


class ExporterError(Exception):
    """Stands for whatever a library raises."""


def failing(error):
    def fail(*_, **__):
        raise error

    return fail


LIBRARIES = ExporterError("not made yet: a graph\n832 lines of it")
UNMADE = "a DistilBertForSequenceClassification cannot be exported to ONNX (ExporterError: not made yet: a graph)"


@pytest.mark.parametrize("name", ["alambique.stages.export.export_graph", "alambique.export.probes.Probes.drift"])
def test_what_a_library_raises_is_a_finding_of_distill_and_a_sentence_of_export(
    run, exported, run_folder, monkeypatch, name
):
    _, recipe, _ = exported
    shutil.rmtree(run_folder / "onnx")
    monkeypatch.setattr(name, failing(LIBRARIES))
    before = names(run_folder)
    message = (
        f"alambique: The student is not exported (onnx, int8): {UNMADE}. Its model in PyTorch is as good as it was.\n"
    )
    status, out, err = run("export", run_folder, "--quiet")
    assert (status, out, err) == (1, "", message)
    assert names(run_folder) == before
    report = distill(recipe, run_folder)
    assert names(run_folder / "onnx") == [name for name in FILES if not name.startswith("model")]
    unmade = {"file": None, "scheme": "fp32", "bytes": None, "parity": None, "problems": [UNMADE], "tried": []}
    assert report["export"]["models"] == {"onnx": unmade, "int8": unmade}
    (finding,) = report["export"]["findings"]
    assert (finding["code"], finding["where"]) == ("not_exported", "export")
    assert finding["message"] == f"The student is not exported (onnx, int8): {UNMADE}."
    assert finding["advice"] == (
        "Its model in PyTorch is as good as it was. For ONNX, choose a student of another architecture; else set "
        "export.formats to []."
    )
    assert "onnx: refused | – | fp32 | – | – | – | – |" in (run_folder / "README.md").read_text()
    assert "not made yet: a graph" in (run_folder / "report.html").read_text()
    assert run("export", run_folder, "--quiet") == (1, "", message)  # it stands in the run that none could be made
    status, out, _ = run("predict", run_folder, "a superb lamp")
    assert status == 0
    assert out.split("\t")[0] in ("bad", "fair", "good")


@pytest.mark.parametrize("where", ["make", "__init__"])
def test_what_the_quantiser_raises_leaves_the_fp32_file(exported, run_folder, monkeypatch, where):
    _, recipe, _ = exported
    shutil.rmtree(run_folder / "onnx")
    monkeypatch.setattr(remedies.Quantizer, where, failing(LIBRARIES))
    report = distill(recipe, run_folder)
    assert names(run_folder / "onnx") == [name for name in FILES if name != "model_int8.onnx"]
    entry = report["export"]["models"]["int8"]
    problem = "it cannot be made in whole numbers (ExporterError: not made yet: a graph)"
    assert entry["problems"] == [problem]
    assert len(entry["tried"]) == (2 if where == "make" else 0)
    assert report["export"]["models"]["onnx"]["file"] == "model.onnx"
    (finding,) = report["export"]["findings"]
    assert (finding["code"], finding["message"]) == ("not_exported", f"The student is not exported (int8): {problem}.")


def test_a_student_without_tokenizer_json_is_not_exported(exported, run_folder, monkeypatch):
    _, recipe, _ = exported
    shutil.rmtree(run_folder / "onnx")
    monkeypatch.setattr("alambique.stages.export.TOKENIZER", "absent.json")
    problem = "its tokenizer, a TokenizersBackend, has no absent.json, which the model would need"
    with pytest.raises(ExportError) as refused:
        export(run_folder, ["onnx"])
    assert str(refused.value) == (
        f"The student is not exported (onnx): {problem}. Its model in PyTorch is as good as it was."
    )
    report = distill(recipe, run_folder)
    assert [model["problems"] for model in report["export"]["models"].values()] == [[problem], [problem]]


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), MemoryError(), OSError(errno.ENOSPC, "No space left on device")]
)
def test_an_interruption_and_what_the_machine_runs_out_of_stay_errors(exported, run_folder, monkeypatch, error):
    _, recipe, _ = exported
    shutil.rmtree(run_folder / "onnx")
    monkeypatch.setattr("alambique.stages.export.export_graph", failing(error))
    expected = {KeyboardInterrupt: KeyboardInterrupt, MemoryError: OutOfMemoryError}.get(type(error), DiskError)
    with pytest.raises(expected):
        distill(recipe, run_folder)
    assert not (run_folder / "onnx").exists()


def test_an_fp32_graph_that_is_wrong_is_kept_in_no_format(exported, run_folder):
    _, recipe, _ = exported
    strict = Recipe.from_dict(recipe.model_dump(mode="json") | {"export": {"onnx_max_drift": 0.0}})
    report = distill(strict, run_folder)
    assert names(run_folder / "onnx") == [name for name in FILES if not name.startswith("model")]
    assert [model["file"] for model in report["export"]["models"].values()] == [None, None]
    assert [finding["code"] for finding in report["export"]["findings"]] == ["onnx_refused", "int8_refused"]


def test_the_command_says_what_it_wrote(run, run_folder):
    status, out, _ = run("export", run_folder, "--to", "int8", "--quiet")
    model = json.loads((run_folder / "onnx" / "export.json").read_text())["models"]["int8"]
    parity = model["parity"]
    assert status == 0
    assert out == (
        f"{run_folder}/onnx/model_int8.onnx   {model['bytes'] / 1e6:.1f} MB   {model['scheme']}\n"
        f"  on 48 rows of valid: same label as PyTorch on {100 * parity['agreement']:.1f} %, "
        f"probabilities drift by {parity['mean_drift']:.2g} in the mean, {parity['max_drift']:.2g} at most\n"
    )
    assert run("export", run_folder, "--to", "pdf")[0] == 2
    status, _, err = run("export", "nowhere")
    assert (status, err) == (2, "alambique: nowhere is not a run folder: it has no recipe.yaml with a run id.\n")
