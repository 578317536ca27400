import json
import shutil

import numpy as np
import pytest
from scipy import stats
from transformers import pipeline as hf_pipeline

from alambique import Recipe, distill
from alambique.artefacts.predictions import read_predictions
from alambique.artefacts.soft_labels import read_soft_labels
from alambique.artefacts.splits import read_splits
from alambique.data.sampling import split_off_by_order
from alambique.doctor.diagnose import diagnose
from alambique.errors import DataError, ModelError, WeakTeacherError
from alambique.findings import Finding
from alambique.run.layout import MODELS
from conftest import Stages

MODEL_FILES = ["config.json", "history.json", "manifest.json", "model.safetensors", "tokenizer.json",
               "tokenizer_config.json"]  # fmt: skip
SCORED = ["manifest.json", "parameters.json", "test.parquet", "valid.parquet"]
ONE_SEED = sorted(
    [
        f"data/{f}"
        for f in ("lint.json", "manifest.json", "splits.json", "test.parquet", "train.parquet", "valid.parquet")
    ]
    + [f"{model}/{f}" for model in ("teacher", "student", "undistilled") for f in MODEL_FILES]
    + [f"soft_labels/{f}" for f in ("ids.npy", "logits.npy", "manifest.json", "soft_labels.json")]
    + ["tokens/teacher/manifest.json"]
    + [
        f"tokens/teacher/{split}/{f}"
        for split in ("train", "valid", "test")
        for f in ("input_ids.i32", "starts.npy", "tokens.json", "uncut_lengths.npy")
    ]
    + [f"predictions/{model}/{f}" for model in (*MODELS, "tfidf", "majority") for f in SCORED]
    + ["benchmark/cost.json", "benchmark/manifest.json"]
    + ["README.md", "recipe.yaml", "report.html", "report.json"]
)


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def run(raw, out):
    stages = Stages()
    return distill(Recipe.from_dict(raw), out, reporter=stages), stages.begun


def weights(folder):
    return (folder / "model.safetensors").read_bytes()


TRAINED = ["teacher (seed 0)", "scoring teacher", "soft labels", "student (seed 0)", "scoring student",
           "undistilled (seed 0)", "scoring undistilled"]  # fmt: skip


@pytest.mark.slow
def test_a_run_whose_splits_were_drawn_by_the_order_of_the_rows_stays_done(
    tiny_recipe, data_folder, tmp_path, monkeypatch
):
    raw = tiny_recipe(data={"source": str(data_folder / "train.jsonl")}, teacher={"allow_weak": True})
    with monkeypatch.context() as earlier:
        earlier.setattr("alambique.data.sampling.split_off", split_off_by_order)
        before, _ = run(raw, tmp_path / "run")
    after, begun = run(raw, tmp_path / "run")
    assert (begun, after["models"]) == ([], before["models"])
    _, begun = run(raw, tmp_path / "new")
    assert "teacher (seed 0)" in begun
    drawn = [json.loads((tmp_path / name / "data" / "manifest.json").read_text())["key"] for name in ("run", "new")]
    assert drawn[0]["inputs"] != drawn[1]["inputs"]


def test_the_whole_story_then_nothing_then_only_the_student(tiny_recipe, tmp_path):
    out = tmp_path / "run"
    report, begun = run(tiny_recipe(), out)
    assert begun == ["scoring majority", "scoring tfidf", *TRAINED, "benchmark"]
    assert files(out) == ONE_SEED
    assert report == json.loads((out / "report.json").read_text("utf-8"))

    again, begun = run(tiny_recipe(), out)
    assert begun == []
    assert again == report

    twin, student = weights(out / "undistilled"), weights(out / "student")
    _, begun = run(tiny_recipe(distillation={"temperature": 4.0}), out)
    assert begun == ["student (seed 0)", "scoring student", "benchmark"]
    assert weights(out / "undistilled") == twin
    assert weights(out / "student") != student
    assert "temperature: 4.0" in (out / "recipe.yaml").read_text()

    _, begun = run(tiny_recipe(distillation={"temperature": 4.0}, teacher={"allow_weak": True}), out)
    assert begun == []

    (out / "soft_labels" / "logits.npy").write_bytes(b"broken")
    _, begun = run(tiny_recipe(distillation={"temperature": 4.0}), out)
    assert begun == ["soft labels"]  # made again, found the same, so the student stands


def test_the_report_is_as_pinned(tiny_recipe, tmp_path):
    report, _ = run(tiny_recipe(), tmp_path / "run")
    assert list(report["models"]) == ["teacher", "student", "undistilled", "tfidf", "majority"]
    splits = read_splits(tmp_path / "run" / "data")
    for name, model in report["models"].items():
        assert set(model) == {
            "parameters", "bytes", "valid", "test", "latency_ms", "throughput_per_s", "calibration",
            "temperature", "epochs", "labels",
        }  # fmt: skip
        assert model["labels"] == []  # these rows have one label each
        planned = {"teacher": 3, "student": 1, "undistilled": 1}.get(name)
        assert model["epochs"] == (planned and {"planned": planned, "made": [planned]})
        if name in ("tfidf", "majority"):
            assert (model["latency_ms"], model["throughput_per_s"], model["calibration"]) == (None, None, None)
        else:
            assert 0 < model["latency_ms"]["p50"] <= model["latency_ms"]["p99"]
            assert model["throughput_per_s"] > 0
            assert 0.05 < model["calibration"][0]["temperature"] < 20
        for split in (splits.valid, splits.test):
            figures = model[split.name]
            assert set(figures) == {
                "accuracy", "macro_f1", "agreement_with_teacher", "expected_calibration_error", "kl_to_teacher",
                "mean_absolute_error", "quadratic_weighted_kappa",
            }  # fmt: skip
            in_order = figures["mean_absolute_error"], figures["quadratic_weighted_kappa"]
            assert in_order == (None, None)  # these labels have no order
            logits = read_predictions(tmp_path / "run" / "predictions" / name / f"{split.name}.parquet", split.ids)
            accuracy = float((logits.argmax(-1) == split.labels).mean())
            # 48 rows and two pseudo-rows of either kind
            share = (48 * accuracy + 2) / 52
            reach = stats.t.ppf(0.975, 51) * np.sqrt(share * (1 - share) / 51)
            assert figures["accuracy"]["per_seed"] == [accuracy]
            assert figures["accuracy"]["mean"] == accuracy
            assert figures["accuracy"]["low"] == pytest.approx(max(0, share - reach))
            assert figures["accuracy"]["high"] == pytest.approx(min(1, share + reach))
    verdict = report["verdict"]
    student, twin = (report["models"][name]["test"]["macro_f1"]["mean"] for name in ("student", "undistilled"))
    assert verdict["gain"]["mean"] == pytest.approx(student - twin)
    assert verdict["retention"]["mean"] == pytest.approx(
        student / report["models"]["teacher"]["test"]["macro_f1"]["mean"]
    )
    assert verdict["gain"]["low"] < verdict["gain"]["mean"] < verdict["gain"]["high"]
    assert verdict["helped"] == "not shown"  # whatever the rows say: each model was trained once
    assert verdict["resolution"]["rows"] == 48
    assert verdict["resolution"]["difference"] == pytest.approx((verdict["gain"]["high"] - verdict["gain"]["low"]) / 2)
    assert verdict["counts"] == "rows only"
    assert report["data"]["rows"] == {"train": 160, "valid": 48, "test": 48}
    assert sum(report["data"]["label_counts"]["train"].values()) == 160
    assert report["models"]["teacher"]["valid"]["agreement_with_teacher"]["mean"] == 1.0
    assert report["models"]["student"]["bytes"] == (tmp_path / "run" / "student" / "model.safetensors").stat().st_size
    assert report["models"]["majority"]["bytes"] is None
    assert set(report["timings"]) == {
        "data", "benchmark", "teacher", "soft_labels", "student", "undistilled",
        "predictions/teacher", "predictions/student",
        "predictions/undistilled",
    }  # fmt: skip
    assert all(seconds > 0 for seconds in report["timings"].values())


def test_the_student_works_in_anyones_pipeline(tiny_recipe, tmp_path):
    run(tiny_recipe(), tmp_path / "run")
    classify = hf_pipeline("text-classification", str(tmp_path / "run" / "student"))
    splits = read_splits(tmp_path / "run" / "data")
    logits = read_predictions(tmp_path / "run" / "predictions" / "student" / "test.parquet", splits.test.ids)
    for text, row in zip(splits.test.texts[:8], logits, strict=False):
        answer = classify(text)[0]
        assert answer["label"] == splits.label_names[row.argmax()]
        assert answer["score"] == pytest.approx(float(np.exp(row).max() / np.exp(row).sum()), abs=1e-4)


def test_soft_labels_say_what_they_were_made_from(tiny_recipe, tmp_path):
    run(tiny_recipe(), tmp_path / "run")
    soft = read_soft_labels(tmp_path / "run" / "soft_labels")
    splits = read_splits(tmp_path / "run" / "data")
    assert soft.ids == splits.train.ids
    assert soft.label_names == splits.label_names
    assert soft.made_from["text"] == splits.train.digest
    assert set(soft.made_from) == {"text", "teacher", "tokenizer"}


def test_student_and_twin_start_alike_and_with_hard_labels_alone_end_alike(tiny_recipe, tmp_path):
    """With hard_label_weight 1 distillation changes nothing: same start, same batches, same steps."""
    report, _ = run(tiny_recipe(distillation={"hard_label_weight": 1.0}), tmp_path / "run")
    assert report["verdict"]["helped"] == "not shown"
    gain = report["verdict"]["gain"]
    assert (gain["metric"], gain["mean"], gain["per_seed"]) == ("macro_f1", 0.0, [0.0])
    assert -gain["low"] == pytest.approx(gain["high"])  # what other rows might show, which 48 cannot exclude
    assert weights(tmp_path / "run" / "student") == weights(tmp_path / "run" / "undistilled")


@pytest.mark.slow
def test_the_same_recipe_gives_the_same_weights(tiny_recipe, tmp_path):
    run(tiny_recipe(), tmp_path / "one")
    run(tiny_recipe(), tmp_path / "two")
    for model in ("teacher", "student", "undistilled"):
        assert weights(tmp_path / "one" / model) == weights(tmp_path / "two" / model)


def test_several_seeds_have_rooms_of_their_own_and_the_best_on_valid_is_kept(tiny_recipe, tmp_path):
    out = tmp_path / "run"
    report, _ = run(tiny_recipe(seeds=[3, 4]), out)
    per_seed = [f for f in ONE_SEED if f.split("/")[0] in ("teacher", "soft_labels", "student", "undistilled")]
    per_seed += [
        f for f in ONE_SEED if f.startswith(("predictions/teacher", "predictions/student", "predictions/undist"))
    ]
    assert files(out) == sorted([*ONE_SEED, *(f"seeds/{seed}/{f}" for seed in (3, 4) for f in per_seed)])
    reached = report["models"]["student"]["valid"]["macro_f1"]["per_seed"]
    assert len(reached) == 2
    assert report["models"]["student"]["valid"]["macro_f1"]["mean"] == pytest.approx(sum(reached) / 2)
    assert report["verdict"]["counts"] == "rows and seeds"
    kept = report["seeds"]["kept"]
    assert kept == (3 if reached[0] >= reached[1] else 4)
    assert weights(out / "student") == weights(out / "seeds" / str(kept) / "student")
    assert run(tiny_recipe(seeds=[3, 4]), out)[1] == []


@pytest.mark.parametrize("architecture", ["distilbert", pytest.param("bert", marks=pytest.mark.slow)])
def test_a_student_from_the_teachers_layers(tiny_recipe, tmp_path, architecture):
    raw = tiny_recipe(
        teacher={"from_scratch": {"layers": 2, "width": 32, "heads": 2, "vocabulary": 300}},
        student={"from_scratch": None, "from_teacher": {"architecture": architecture, "layers": 1}},
    )
    run(raw, tmp_path / "run")
    config = json.loads((tmp_path / "run" / "student" / "config.json").read_text())
    assert config["model_type"] == architecture
    assert (config.get("n_layers") or config["num_hidden_layers"]) == 1


@pytest.mark.slow
def test_metadata_makes_a_pair_and_reaches_the_model(tiny_recipe, tmp_path, data_folder):
    for path in data_folder.iterdir():
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(row | {"maker": "anna"}) + "\n" for row in rows))
    run(tiny_recipe(data={"metadata": ["maker"]}), tmp_path / "run")
    assert read_splits(tmp_path / "run" / "data").train.second_segments()[0] == "maker: anna"


@pytest.fixture
def finished(tiny_recipe, tmp_path):
    """A classifier fine-tuned on the same data, its labels in another order."""
    run(tiny_recipe(data={"label_order": ["good", "bad", "fair"]}), tmp_path / "before")
    return tmp_path / "before"


def test_a_finished_teacher_is_taken_as_it_is_in_the_datas_order(tiny_recipe, tmp_path, finished):
    raw = tiny_recipe(teacher={"from_scratch": None, "model": str(finished / "teacher"), "fine_tune": False})
    report, begun = run(raw, tmp_path / "run")
    assert "teacher (seed 0)" not in begun
    before = json.loads((finished / "report.json").read_text())["models"]["teacher"]
    assert report["models"]["teacher"]["test"]["accuracy"] == before["test"]["accuracy"]
    splits = read_splits(tmp_path / "run" / "data")
    assert splits.label_names == ("bad", "fair", "good")
    ids = splits.test.ids
    mine = read_predictions(tmp_path / "run" / "predictions" / "teacher" / "test.parquet", ids)
    theirs = read_predictions(finished / "predictions" / "teacher" / "test.parquet", ids)
    np.testing.assert_allclose(mine, theirs[:, [1, 2, 0]], atol=1e-5)


def test_a_finished_teacher_needs_no_labels_of_train(tiny_recipe, data_folder, tmp_path, finished):
    train = data_folder / "train.jsonl"
    texts = [json.loads(line)["text"] for line in train.read_text().splitlines()]
    train.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    teacher = {"from_scratch": None, "model": str(finished / "teacher"), "fine_tune": False}
    raw = tiny_recipe(teacher=teacher, student={"from_scratch": None, "from_teacher": {"layers": 1}})
    stages = {estimate.stage for estimate in diagnose(Recipe.from_dict(raw)).estimates}
    assert not stages & {"teacher", "undistilled"}
    report, begun = run(raw, tmp_path / "run")
    assert (list(report["models"]), report["verdict"]["helped"]) == (["teacher", "student"], "not measured")
    assert {stage for stage in begun if "(seed" in stage} == {"student (seed 0)"}
    assert report["verdict"]["retention"]["mean"] > 0.5


def test_a_finished_teacher_with_other_labels_leaves_nothing(tiny_recipe, tmp_path, finished):
    groups = {"good": "yes", "bad": "no", "fair": "no"}
    raw = tiny_recipe(
        data={"label_groups": groups},
        teacher={"from_scratch": None, "model": str(finished / "teacher"), "fine_tune": False},
    )
    with pytest.raises(ModelError, match="do not match by name"):
        run(raw, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_weak_teacher_is_kept_and_may_be_allowed(tiny_recipe, tmp_path, data_folder):
    for path in data_folder.iterdir():  # four of five rows bad: hardly any untrained head beats that
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        rows = [row if i % 5 == 0 else row | {"label": "bad"} for i, row in enumerate(rows)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    weak = {"learning_rate": 1e-9, "epochs": 1}
    with pytest.raises(WeakTeacherError, match="It is kept in"):
        run(tiny_recipe(teacher=weak), tmp_path / "run")
    assert (tmp_path / "run" / "teacher" / "model.safetensors").is_file()
    assert not (tmp_path / "run" / "student").exists()
    _, begun = run(tiny_recipe(teacher=weak | {"allow_weak": True}), tmp_path / "run")
    assert "teacher (seed 0)" not in begun
    assert (tmp_path / "run" / "report.json").is_file()


def test_bad_data_leaves_nothing(tiny_recipe, tmp_path, data_folder):
    (data_folder / "valid.jsonl").write_text('{"text": "x", "label": "unheard-of"}\n')
    with pytest.raises(DataError) as caught:
        run(tiny_recipe(), tmp_path / "run")
    assert str(caught.value) == (
        f"{data_folder}/valid.jsonl, line 1: label 'unheard-of' does not occur in the train split, so nothing can learn "
        "it. Train has bad, fair, good."
    )
    assert not (tmp_path / "run").exists()


def test_the_model_card_shows_the_figures_and_no_path_of_this_machine(tiny_recipe, tmp_path):
    report, _ = run(tiny_recipe(), tmp_path / "run")
    card = (tmp_path / "run" / "README.md").read_text("utf-8")
    assert f"| {100 * report['models']['student']['test']['macro_f1']['mean']:.1f} |" in card
    assert "- train: 160 rows" in card
    assert str(tmp_path) not in card


def test_a_finished_teacher_of_real_width_may_have_its_labels_in_any_order():
    import torch
    from transformers import BertConfig, BertForSequenceClassification

    from alambique.models.labels import label_config, reorder_labels

    for width in (128, 384):
        config = BertConfig(
            vocab_size=50, hidden_size=width, num_hidden_layers=1, num_attention_heads=4, intermediate_size=64,
            **label_config(("f", "b", "d", "a", "c", "e")),
        )  # fmt: skip
        model = BertForSequenceClassification(config).eval()
        before = model.classifier.weight.clone()
        reorder_labels(model, tuple("abcdef"))
        assert torch.equal(model.classifier.weight, before[[3, 1, 4, 2, 5, 0]])


def test_a_report_is_not_written_over_models_of_another_recipe(tiny_recipe, tmp_path):
    from alambique.commands import rewrite_report
    from alambique.errors import RunFolderError
    from alambique.report.write import write_report
    from alambique.run.folder import RunFolder

    run(tiny_recipe(), tmp_path / "run")
    folder = RunFolder.existing(tmp_path / "run")
    folder.write_recipe(Recipe.from_dict(tiny_recipe(distillation={"temperature": 8.0})))
    with pytest.raises(RunFolderError, match="is not finished for the recipe in it. Run alambique distill again"):
        rewrite_report(folder.path)
    folder.write_recipe(Recipe.from_dict(tiny_recipe()))
    (tmp_path / "run" / "student" / "model.safetensors").unlink()
    with pytest.raises(RunFolderError, match="holds no weights"):
        write_report(folder)


def test_half_precision_checkpoints_are_trained_in_full_precision(tmp_path, tiny_bert, tokenizer):
    import torch

    from alambique.models.pretrained import find_pretrained, load_to_train

    tiny_bert().half().save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    model = load_to_train(find_pretrained(str(tmp_path), key="k"), ("a", "b"), key="k", seed=0)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_texts_too_long_for_a_model_from_scratch_are_refused_at_once(tiny_recipe, tmp_path):
    with pytest.raises(ModelError) as caught:
        run(tiny_recipe(data={"max_length": 600}), tmp_path / "run")
    assert str(caught.value) == "data.max_length is 600, but teacher.from_scratch reads at most 512 tokens."
    assert not (tmp_path / "run").exists()


class Said(Stages):
    """Remembers what was said, and which stages had begun by then."""

    def __init__(self):
        super().__init__()
        self.said = []

    def say(self, line):
        self.said.append((line, list(self.begun)))


@pytest.mark.slow
def test_a_small_student_that_cannot_be_exported_is_said_before_any_training(
    tiny_recipe, tiny_bert, tokenizer, tmp_path, monkeypatch
):
    tiny_bert().save_pretrained(tmp_path / "own")
    tokenizer.save_pretrained(tmp_path / "own")
    student = {"from_scratch": None, "model": str(tmp_path / "own")}
    raw = tiny_recipe(student=student, export={"formats": ["onnx"]})
    finding = Finding("not-exported", "student", "The export was tried: it cannot be.", "Choose another.")
    tried = []

    def refuse(model, *_, **__):
        tried.append(type(model).__name__)
        return finding

    monkeypatch.setattr("alambique.preparation.try_export", refuse)
    monkeypatch.setattr("alambique.pipeline.export_student", lambda *_, **__: None)
    reporter = Said()
    distill(Recipe.from_dict(raw), tmp_path / "run", reporter=reporter)
    assert ("The export was tried: it cannot be. Choose another.", []) in reporter.said
    assert tried == ["BertForSequenceClassification"]
    distill(Recipe.from_dict(raw), tmp_path / "run")  # it is trained already
    for change in ({"export": {"formats": []}}, {"student": {"from_scratch": {"layers": 1, "width": 16, "heads": 2}}}):
        distill(Recipe.from_dict(tiny_recipe(**{"student": student, "export": {"formats": ["onnx"]}, **change})),
                tmp_path / "other")  # fmt: skip
        shutil.rmtree(tmp_path / "other")
    monkeypatch.setattr("alambique.preparation.SMALL", 1000)
    distill(Recipe.from_dict(raw), tmp_path / "large")
    assert tried == ["BertForSequenceClassification"]
