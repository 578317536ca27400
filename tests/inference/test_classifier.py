import hashlib
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from alambique.artefacts.predictions import read_predictions
from alambique.artefacts.splits import read_splits
from alambique.errors import CorruptArtefactError, RunFolderError
from alambique.evaluation.single_label import SINGLE_LABEL
from alambique.inference.classifier import open_classifier
from alambique.run.manifest import write_manifest

TEXTS = ["superb lamp", "awful door and a broken lamp", "plain", ""]


@pytest.fixture(scope="module")
def valid(exported):
    return read_splits(exported[0] / "data").valid


def test_every_model_gives_the_labels_in_the_order_of_the_texts(exported, valid):
    folder = exported[0]
    kept = read_predictions(folder / "predictions" / "student" / "valid.parquet", valid.ids)
    for model, close in (("torch", 1e-5), ("onnx", 1e-5), ("int8", 0.5)):
        classifier = open_classifier(folder, model)
        assert (classifier.backend, classifier.pairs, classifier.max_length) == (model, False, 24)
        assert classifier.label_names == ("bad", "fair", "good")
        logits = classifier.logits(valid.segments())
        assert logits.dtype == np.float32
        np.testing.assert_allclose(logits, kept, atol=close)
        assert classifier.temperature == pytest.approx(SINGLE_LABEL.fit_temperature(kept, valid.labels), rel=1e-6)


def test_the_answer_of_the_int8_model_does_not_depend_on_the_batch(exported, valid):
    classifier = open_classifier(exported[0], "int8")
    together = classifier.logits(valid.segments())
    alone = np.concatenate([classifier.logits([row]) for row in valid.segments()])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_the_fastest_that_stands_there_is_opened(exported, run_folder):
    assert open_classifier(run_folder).backend == "int8"
    facts = run_folder / "onnx" / "export.json"
    changed = json.loads(facts.read_text())
    changed["models"]["int8"]["file"] = None
    key = json.loads((run_folder / "onnx" / "manifest.json").read_text())["key"]
    facts.write_text(json.dumps(changed))
    write_manifest(run_folder / "onnx", key, 1.0)
    assert open_classifier(run_folder).backend == "onnx"
    with pytest.raises(RunFolderError) as refused:
        open_classifier(run_folder, "int8")
    assert str(refused.value) == (
        f"{run_folder} has no int8 export of its student. Make it with alambique export {run_folder} --to int8."
    )
    shutil.rmtree(run_folder / "onnx")
    assert open_classifier(run_folder).backend == "torch"


def test_an_export_of_another_student_is_not_used(run_folder):
    student = run_folder / "student"
    weights = load_file(student / "model.safetensors")
    weights["classifier.bias"] += 1
    save_file(weights, student / "model.safetensors", metadata={"format": "pt"})
    key = json.loads((student / "manifest.json").read_text())["key"]
    write_manifest(student, key, 1.0)
    assert open_classifier(run_folder).backend == "torch"


def test_a_damaged_file_is_named_by_its_hash_and_never_used(run, run_folder):
    path = run_folder / "onnx" / "model_int8.onnx"
    content = bytearray(path.read_bytes())
    before = hashlib.sha256(content).hexdigest()
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    after = hashlib.sha256(content).hexdigest()
    with pytest.raises(CorruptArtefactError) as refused:
        open_classifier(run_folder)
    message = (
        f"{path} has SHA-256 {after[:16]}…, its manifest {before[:16]}…: it is damaged and is not used. "
        f"Make it again with alambique export {run_folder}."
    )
    assert str(refused.value) == message
    assert run("predict", run_folder, "lamp") == (2, "", f"alambique: {message}\n")
    assert open_classifier(run_folder, "onnx").backend == "onnx"

    (run_folder / "onnx" / "tokenizer.json").unlink()
    with pytest.raises(CorruptArtefactError, match=r"onnx/tokenizer\.json is missing: it is damaged"):
        open_classifier(run_folder, "onnx")


def test_what_says_which_models_there_are_is_checked_before_one_is_chosen(run_folder):
    onnx = run_folder / "onnx"
    (onnx / "export.json").write_text("{}")
    again = f"it is damaged and is not used. Make it again with alambique export {run_folder}."
    with pytest.raises(CorruptArtefactError) as refused:
        open_classifier(run_folder)
    assert str(refused.value).startswith(f"{onnx / 'export.json'} has SHA-256 44136fa355b3678a…, its manifest ")
    assert str(refused.value).endswith(again)
    (onnx / "manifest.json").rename(run_folder / "elsewhere.json")
    (onnx / "manifest.json").symlink_to(run_folder / "elsewhere.json")
    with pytest.raises(CorruptArtefactError) as refused:
        open_classifier(run_folder)
    assert str(refused.value) == f"{onnx / 'manifest.json'} is a link, which a run folder never holds: {again}"
    assert open_classifier(run_folder, "torch").backend == "torch"


def test_predictions_that_are_damaged_are_no_reference(run, run_folder):
    path = run_folder / "predictions" / "student" / "valid.parquet"
    content = bytearray(path.read_bytes())
    before = hashlib.sha256(content).hexdigest()
    content[100] ^= 1
    path.write_bytes(content)
    after = hashlib.sha256(content).hexdigest()
    assert run("export", run_folder) == (
        2,
        "",
        f"alambique: {path} has SHA-256 {after[:16]}…, its manifest {before[:16]}…: it is damaged and is not used. Make it "
        "again with alambique distill.\n",
    )


def test_predict_offers_models_and_calibrated_probabilities(run, exported):
    folder = exported[0]
    logits = open_classifier(folder, "onnx").logits([(text,) for text in TEXTS])
    temperature = json.loads((folder / "onnx" / "export.json").read_text())["temperature"]
    for options, scale in (((), 1.0), (("--calibrated",), temperature)):
        status, out, err = run("predict", folder, *TEXTS, "--json", "--model", "onnx", *options)
        assert (status, err) == (0, "")
        answers = [json.loads(line) for line in out.splitlines()]
        powers = np.exp(logits / scale)
        expected = powers / powers.sum(1, keepdims=True)
        np.testing.assert_allclose([list(a["scores"].values()) for a in answers], expected, atol=1e-5)
        assert [a["label"] for a in answers] == [("bad", "fair", "good")[i] for i in expected.argmax(1)]
        assert all(set(a) == {"label", "probability", "scores"} for a in answers)
    assert run("predict", folder, "x", "--model", "gguf")[0] == 2


def test_predict_with_onnx_loads_no_torch_and_answers_each_line_before_the_next_comes(exported):
    code = (
        "import sys\nfrom alambique import cli\nsys.argv = ['alambique', 'predict', sys.argv[1]]\n"
        "try:\n cli.main()\nfinally:\n print([m for m in ('torch', 'transformers', 'datasets', 'sklearn', 'scipy', 'onnx') "
        "if m in sys.modules])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(exported[0])], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    for line in TEXTS:
        process.stdin.write(line + "\n")
        process.stdin.flush()
        label, _, probability = process.stdout.readline().partition("\t")  # would wait for ever if lines were collected
        assert label in ("bad", "fair", "good")
        assert 1 / 3 <= float(probability) <= 1
    rest, _ = process.communicate()
    assert process.returncode == 0
    assert rest == "[]\n"
