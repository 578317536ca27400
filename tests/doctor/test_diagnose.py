import pytest
from setups import split_of

from alambique.artefacts.splits import Splits
from alambique.doctor.cost import Cost
from alambique.doctor.diagnose import (
    Estimate,
    TeacherCost,
    _busy,
    _disk,
    _estimates,
    _idle_devices,
    _too_little,
    diagnose,
)
from alambique.findings import Finding
from alambique.recipe.recipe import Recipe
from conftest import LABELS

TEACHER = Cost(step=0.5, row=0.01, memory=1000, scoring_memory=200, weights=100)
STUDENT = Cost(step=0.25, row=0.005, memory=500, scoring_memory=100, weights=50)


def teachers_of(recipe, *names):
    settings = recipe.teacher if recipe.teacher.fine_tune else None
    return {name: TeacherCost(TEACHER, settings) for name in names or ("teacher",)}


def splits_of(*counts):
    made = [split_of(name, ["lamp"] * n, [0] * n) for name, n in zip(("train", "valid", "test"), counts, strict=True)]
    return Splits(*made, LABELS)


def test_seconds_and_memory_of_each_stage(tiny_recipe):
    recipe = Recipe.from_dict(tiny_recipe(seeds=[0, 1]))  # teacher: 3 epochs, batches of 12; student: 1 epoch, 16
    stages = {
        each.stage: each for each in _estimates(recipe, splits_of(153, 48, 50), teachers_of(recipe), STUDENT, 10_000)
    }
    assert list(stages) == ["teacher", "soft labels", "student", "undistilled", "scoring"]
    seconds = {stage: each.seconds for stage, each in stages.items()}
    assert seconds == pytest.approx({  # for two seeds, each with 2 s to load and save
        "teacher": 2 * (3 * (13 * 0.5 + 48 * 0.01) + 2),  # 13 steps for 153 rows
        "soft labels": 2 * (153 * 0.01 + 2),
        "student": 2 * (10 * 0.25 + 48 * 0.005 + 2),
        "undistilled": 2 * (10 * 0.25 + 48 * 0.005 + 2),
        "scoring": 2 * (98 * (0.01 + 2 * 0.005) + 2),
    })  # fmt: skip
    assert {stage: each.memory for stage, each in stages.items()} == {
        "teacher": 11_000, "soft labels": 10_200, "student": 10_500, "undistilled": 10_500, "scoring": 10_200,
    }  # fmt: skip


def test_a_finished_teacher_takes_no_training(tiny_recipe):
    teacher = {"model": "somewhere", "from_scratch": None, "fine_tune": False}
    recipe = Recipe.from_dict(tiny_recipe() | {"teacher": teacher})
    assert [each.stage for each in _estimates(recipe, splits_of(8, 8, 8), teachers_of(recipe), STUDENT, 0)] == [
        "soft labels", "student", "undistilled", "scoring",
    ]  # fmt: skip
    # checkpoints of the student alone
    assert _disk(recipe, splits_of(8, 8, 8), teachers_of(recipe), STUDENT) == (100 + 2 * 50) + 3 * 3 * 50


@pytest.mark.parametrize(("seeds", "copies"), [([0], 1), ([0, 1], 3)])  # the best of several is copied
def test_disk_at_the_peak(tiny_recipe, seeds, copies):
    recipe = Recipe.from_dict(tiny_recipe(seeds=seeds))
    # teacher, student and undistilled; three checkpoints of the teacher, with Adam's two moments
    checkpoints, teachers = 3 * 3 * 100, teachers_of(recipe)
    assert _disk(recipe, splits_of(8, 8, 8), teachers, STUDENT) == copies * (100 + 2 * 50) + checkpoints
    without_labels = Splits(split_of("train", ["lamp"], [-100]), *list(splits_of(8, 8, 8))[1:], LABELS)
    assert _disk(recipe, without_labels, teachers, STUDENT) == copies * (100 + 50) + checkpoints
    unlabelled = Recipe.from_dict(tiny_recipe(seeds=seeds, data={"unlabelled": "more.csv"}))
    assert _disk(unlabelled, splits_of(8, 8, 8), teachers, STUDENT) == copies * (100 + 3 * 50) + checkpoints


@pytest.mark.parametrize(("seeds", "pairs"), [([0], 2), ([0, 1], 4)])
def test_further_students_are_trained_scored_and_stored(tiny_recipe, seeds, pairs):
    alone, several = (Recipe.from_dict(tiny_recipe(student={"seeds": k}, seeds=seeds)) for k in (1, 3))
    splits = splits_of(160, 0, 50)
    before, after = (
        {each.stage: each.seconds - 2.0 * len(seeds) for each in _estimates(r, splits, teachers_of(r), STUDENT, 0)}
        for r in (alone, several)
    )
    assert after["student"] == pytest.approx(3 * before["student"])
    assert after["undistilled"] == pytest.approx(3 * before["undistilled"])
    assert after["teacher"] == before["teacher"]
    assert after["scoring"] - before["scoring"] == pytest.approx(len(seeds) * 50 * 4 * STUDENT.row)
    first, all_of_them = (_disk(recipe, splits, teachers_of(recipe), STUDENT) for recipe in (alone, several))
    assert all_of_them - first == pairs * 2 * 50


@pytest.mark.parametrize(
    ("keys", "longest"),
    [
        ({}, set()),
        ({"student": {"patience": 2}}, {"student", "undistilled"}),
        ({"teacher": {"patience": 2}}, {"teacher"}),
    ],
)
def test_an_estimate_with_patience_is_the_longest_case(tiny_recipe, keys, longest):
    recipe = Recipe.from_dict(tiny_recipe(**keys))
    estimates = _estimates(recipe, splits_of(160, 0, 50), teachers_of(recipe), STUDENT, 0)
    plain = _estimates(Recipe.from_dict(tiny_recipe()), splits_of(160, 0, 50), teachers_of(recipe), STUDENT, 0)
    assert {each.stage for each in estimates if each.longest} == longest
    assert [each.seconds for each in estimates] == [each.seconds for each in plain]


def test_several_teachers_are_each_trained_scored_and_stored(tiny_recipe):
    recipe = Recipe.from_dict(tiny_recipe())
    teachers = teachers_of(recipe, "teachers/a", "teachers/b")
    stages = {each.stage: each for each in _estimates(recipe, splits_of(160, 0, 50), teachers, STUDENT, 0)}
    assert list(stages) == ["teachers/a", "teachers/b", "soft labels", "student", "undistilled", "scoring"]
    assert stages["teachers/b"].seconds == pytest.approx(3 * 14 * 0.5 + 2)
    assert stages["soft labels"].seconds == pytest.approx(160 * 2 * 0.01 + 2)
    assert stages["scoring"].seconds == pytest.approx(50 * (2 * 0.01 + 2 * 0.005) + 2)
    assert _disk(recipe, splits_of(8, 8, 8), teachers, STUDENT) == (2 * 100 + 2 * 50) + 3 * 3 * 100


ESTIMATES = [Estimate("teacher", 1.0, 3_200_000_000), Estimate("student", 1.0, 2_000_000_000)]


def test_enough_of_everything():
    assert _too_little(ESTIMATES, disk=10, free=10, free_memory=3_200_000_000) == []
    assert _too_little(ESTIMATES, disk=10, free=10, free_memory=None) == []
    assert _busy(None) == []


def test_too_little_disk_and_memory():
    assert _too_little(ESTIMATES, disk=2_500_000_000, free=1_040_000_000, free_memory=3_000_000_000) == [
        Finding(
            "disk-space", "disk", "The run needs 2.5 GB on disk at its peak; 1.0 GB are free here.",
            "Free some, or run it on another disk with --out.",
        ),
        Finding(
            "memory", "teacher", "The stage teacher needs about 3.2 GB of memory; 3.0 GB are free.",
            "Lower batch_size and raise gradient_accumulation by the same factor, or lower data.max_length.",
        ),
    ]  # fmt: skip


def test_other_work_on_the_machine():
    assert _busy((3.04, 2)) == [
        Finding(
            "machine-busy", "machine",
            "Other work runs here (load 3.0 on 2 processors), so the estimated times are uncertain.",
            "Run the doctor again when the machine is quiet; where others share it, OMP_NUM_THREADS=1 can be faster for "
            "small models.",
        )
    ]  # fmt: skip


@pytest.mark.parametrize(("idle", "count"), [(0, None), (3, 4)])
def test_gpus_that_training_does_not_use(monkeypatch, idle, count):
    monkeypatch.setattr("alambique.doctor.diagnose.unused_devices", lambda: idle)
    assert _idle_devices() == ([] if count is None else [
        Finding(
            "idle-gpus", "machine", "4 GPUs are here; training uses one.",
            "To train on all: torchrun --nproc-per-node 4 -m alambique distill with the same arguments. A step has the same "
            "rows, so a GPU needs enough of them: batch_size says how many all have together.",
        )
    ])  # fmt: skip


def test_findings_about_the_machine_come_last(tiny_recipe, monkeypatch):
    monkeypatch.setattr("alambique.doctor.diagnose._BUDGET", 0.1)
    monkeypatch.setattr("alambique.doctor.diagnose.available", lambda _: 1000)
    monkeypatch.setattr("alambique.doctor.diagnose.busy", lambda: (3.0, 2))
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    diagnosis = diagnose(Recipe.from_dict(tiny_recipe(seeds=[0, 1])))
    assert [finding.code for finding in diagnosis.findings][-3:] == ["disk-space", "memory", "machine-busy"]
    assert (diagnosis.device, diagnosis.free, diagnosis.rows) == ("cpu", 1000, {"train": 160, "valid": 48, "test": 48})


def test_a_model_that_cannot_be_used_is_a_finding(tiny_recipe, tiny_bert, tokenizer, tmp_path):
    tiny_bert().save_pretrained(tmp_path / "brought")
    grown = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer, pad_token="[PAD]")  # noqa: S106
    grown.add_tokens(["lampshade"])
    grown.save_pretrained(tmp_path / "brought")
    teacher = {"model": str(tmp_path / "brought"), "from_scratch": None}
    diagnosis = diagnose(Recipe.from_dict(tiny_recipe() | {"teacher": teacher}))
    assert [(finding.code, finding.where) for finding in diagnosis.findings] == [
        ("vocabulary-mismatch", "teacher.model")
    ]
    assert diagnosis.findings[0].message.startswith("The tokenizer of ")
    assert diagnosis.estimates == []
    assert diagnosis.rows == {"train": 160, "valid": 48, "test": 48}


def test_the_export_is_tried_if_one_is_asked_for(tiny_recipe, monkeypatch):
    monkeypatch.setattr("alambique.doctor.diagnose._BUDGET", 0.1)
    refused = Finding("not-exported", "student", "The export was tried: it cannot be.", "Choose another.")
    answers = iter([None, refused])
    monkeypatch.setattr("alambique.doctor.diagnose.try_export", lambda *_, **__: next(answers))
    recipe = Recipe.from_dict(tiny_recipe(export={"formats": ["int8"]}))
    diagnosis = diagnose(recipe)
    assert [each.stage for each in diagnosis.estimates][-1] == "export"
    assert 2 <= diagnosis.estimates[-1].seconds < 3
    assert refused not in diagnosis.findings
    diagnosis = diagnose(recipe)
    assert refused in diagnosis.findings
    assert "export" not in [each.stage for each in diagnosis.estimates]
    monkeypatch.setattr("alambique.doctor.diagnose.try_export", lambda *_, **__: pytest.fail("none is asked for"))
    assert "export" not in [each.stage for each in diagnose(Recipe.from_dict(tiny_recipe())).estimates]
