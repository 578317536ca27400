import json

import pytest

from alambique.errors import (
    AlambiqueError,
    CorruptArtefactError,
    DataError,
    OutOfMemoryError,
    RunFolderError,
    WeakTeacherError,
)
from alambique.recipe.recipe import Recipe
from alambique.run.folder import RunFolder
from alambique.run.layout import BENCHMARK, DATA, ONNX, SEED_STAGES, SEEDS, STUDENT, TEACHER, TOKENS


@pytest.fixture
def recipe():
    return Recipe.from_dict({"data": {"source": "quickstart", "text": "claim", "label": "label"}})


def files(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def make(calls, text="made"):
    def write(work):
        calls.append(work)
        (work / "result.txt").write_text(text)

    return write


def test_a_stage_is_made_once(tmp_path):
    run, calls = RunFolder(tmp_path), []
    first = run.stage("teacher", {"seed": 0, "labels": ("a", "b")}, make(calls))
    again = run.stage("teacher", {"seed": 0, "labels": ["a", "b"]}, make(calls))
    assert len(calls) == 1
    assert first == again
    assert files(tmp_path) == ["teacher/manifest.json", "teacher/result.txt"]


def test_another_key_makes_it_again(tmp_path):
    run, calls = RunFolder(tmp_path), []
    first = run.stage("teacher", {"seed": 0}, make(calls, "one"))
    second = run.stage("teacher", {"seed": 1}, make(calls, "two"))
    assert len(calls) == 2
    assert first.digest != second.digest
    assert (tmp_path / "teacher" / "result.txt").read_text() == "two"


@pytest.mark.parametrize("damage", ["change", "remove", "manifest"])
def test_a_damaged_artefact_is_made_again(tmp_path, damage):
    run, calls = RunFolder(tmp_path), []
    first = run.stage("soft_labels", {}, make(calls))
    result = tmp_path / "soft_labels" / "result.txt"
    if damage == "change":
        result.write_text("mad3")
    elif damage == "remove":
        result.unlink()
    else:
        (result.parent / "manifest.json").write_text("{")
    assert run.stage("soft_labels", {}, make(calls)).digest == first.digest
    assert len(calls) == 2
    assert files(tmp_path / "soft_labels") == ["manifest.json", "result.txt"]


def test_a_file_of_the_users_own_changes_nothing(tmp_path):
    run, calls = RunFolder(tmp_path), []
    run.stage("student", {}, make(calls))
    (tmp_path / "student" / "notes.txt").write_text("mine")
    run.stage("student", {}, make(calls))
    assert len(calls) == 1
    assert (tmp_path / "student" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("alone_first", [True, False])
def test_a_seed_is_adopted_when_seeds_come_or_go(tmp_path, alone_first):
    run, calls = RunFolder(tmp_path), []
    first = run.seed(3, alone=alone_first).stage("teacher", {"seed": 3}, make(calls))
    again = run.seed(3, alone=not alone_first).stage("teacher", {"seed": 3}, make(calls))
    assert len(calls) == 1
    assert again.digest == first.digest
    assert not (again.folder / "result.txt").samefile(first.folder / "result.txt")  # damage to one is not to both
    run.seed(4, alone=not alone_first).stage("teacher", {"seed": 4}, make(calls))
    assert len(calls) == 2


@pytest.mark.parametrize("alone_first", [True, False])
def test_further_students_lie_below_their_seed_and_move_with_it(tmp_path, alone_first):
    run, calls = RunFolder(tmp_path), []
    first = run.seed(4, alone=alone_first)
    assert first.student(0) is first
    place = "students/3" if alone_first else "seeds/4/students/3"
    assert first.student(2).stage("student", {"seed": 2004}, make(calls)).folder == tmp_path / place / "student"
    other = run.seed(4, alone=not alone_first).student(2)
    other.stage("student", {"seed": 2004}, make(calls))
    assert len(calls) == 1
    assert (other.path / "student" / "result.txt").read_text() == "made"
    assert not (other.path / "student" / "result.txt").samefile(tmp_path / place / "student" / "result.txt")


@pytest.mark.parametrize("place", ["students", "students/2", "seeds/1/students/2/student"])
def test_a_further_student_that_is_a_link_is_not_written_through(tmp_path, place, recipe):
    run = RunFolder(tmp_path / "run")
    run.write_recipe(recipe)
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "run" / place
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(tmp_path / "elsewhere")
    if place.startswith("students"):
        with pytest.raises(RunFolderError, match="is a link"), RunFolder.create(tmp_path / "run"):
            pass
    else:  # a stage's own folder is replaced
        run.seed(1, alone=False).student(1).stage("student", {}, make([]))
        assert not link.is_symlink()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_damaged_further_student_is_seen(tmp_path):
    run = RunFolder(tmp_path)
    for folder in (run.student(1), run.seed(1, alone=False).student(1)):
        made = folder.stage("student", {}, make([]))
        run.check()
        (made.folder / "result.txt").write_text("mad3")
        with pytest.raises(CorruptArtefactError, match="result.txt has SHA-256"):
            run.check()
        (made.folder / "result.txt").write_text("made")


def test_a_damaged_copy_of_the_best_seed_is_mended(tmp_path):
    lines = []
    run = RunFolder(tmp_path, say=lines.append)
    for name in SEED_STAGES:
        run.seed(1, alone=False).stage(name, {}, make([]))
    run.promote(run.seed(1, alone=False))
    assert lines == []
    (tmp_path / "student" / "result.txt").write_text("mad3")
    run.promote(run.seed(1, alone=False))
    assert lines == [
        f"{tmp_path}/student/result.txt has SHA-256 08086ebf82102576…, its manifest ea0890697a77af0a…: it is damaged, is "
        "not used, and is made again"
    ]
    assert (tmp_path / "student" / "result.txt").read_text() == "made"


def test_another_recipe_takes_the_old_report_away(tmp_path, recipe):
    run = RunFolder(tmp_path)
    run.write_recipe(recipe)
    (tmp_path / "report.json").write_text("{}")
    run.write_recipe(recipe)
    assert (tmp_path / "report.json").exists()
    run.write_recipe(recipe.model_copy(update={"seeds": (1,)}))
    assert not (tmp_path / "report.json").exists()


def test_what_an_interrupted_attempt_left_is_handed_on_for_the_same_key_only(tmp_path):
    run = RunFolder(tmp_path)

    def interrupted(work):
        (work / "scratch").mkdir()
        (work / "scratch" / "checkpoint").write_text("half")
        (work / "model").write_text("torn")
        raise KeyboardInterrupt

    def found(work):
        handed = [path.relative_to(work).as_posix() for path in work.rglob("*")]
        (work / "found.json").write_text(json.dumps(sorted(handed)))

    def made(seed):
        return json.loads((run.stage("student", {"seed": seed}, found).folder / "found.json").read_text())

    with pytest.raises(KeyboardInterrupt):
        run.stage("student", {"seed": 0}, interrupted)
    assert not (tmp_path / "student").exists()
    assert made(0) == ["key.json", "scratch", "scratch/checkpoint"]
    assert files(tmp_path) == ["student/found.json", "student/manifest.json"]
    with pytest.raises(KeyboardInterrupt):
        run.stage("student", {"seed": 1}, interrupted)
    assert made(2) == ["key.json"]


@pytest.mark.parametrize("moment", ["before the manifest", "after it", "old one aside"])
def test_a_kill_between_making_and_moving_costs_nothing_that_was_made(tmp_path, monkeypatch, moment):
    run, calls = RunFolder(tmp_path), []
    run.stage("teacher", {"seed": 0}, make(calls, "old"))
    name = {"before the manifest": "work.write_manifest", "after it": "folder.publish", "old one aside": "work.sync"}

    def kill(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(f"alambique.run.{name[moment]}", kill)
        run.stage("teacher", {"seed": 1}, make(calls, "new"))
    if moment != "old one aside":
        assert (tmp_path / "teacher" / "result.txt").read_text() == "old"
    assert (run.stage("teacher", {"seed": 1}, make(calls, "new")).folder / "result.txt").read_text() == "new"
    assert len(calls) == (3 if moment == "before the manifest" else 2)


def test_a_damaged_artefact_is_named_when_it_is_made_again(tmp_path):
    lines = []
    run = RunFolder(tmp_path, say=lines.append)
    run.stage("data", {}, make([]))
    run.stage("data", {}, make([]))
    assert lines == []
    (tmp_path / "data" / "result.txt").write_text("mad3")
    run.stage("data", {}, make([]))
    assert lines == [
        f"{tmp_path}/data/result.txt has SHA-256 08086ebf82102576…, its manifest ea0890697a77af0a…: "
        "it is damaged, is not used, and is made again"
    ]


def test_another_key_is_no_damage(tmp_path):
    lines = []
    run = RunFolder(tmp_path, say=lines.append)
    run.stage("data", {"k": 1}, make([]))
    run.stage("data", {"k": 2}, make([]))
    assert lines == []


def outside(tmp_path, name, content="made"):
    """A run whose artefact names a file that lies elsewhere, with the right hash."""
    import hashlib

    run = RunFolder(tmp_path / "run")
    folder = run.stage("data", {}, make([])).folder
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"] = {name: hashlib.sha256(content.encode()).hexdigest()}
    del manifest["digest"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return run


@pytest.mark.parametrize("name", ["../../secret", "{root}/secret", "link", "folder/secret"])
def test_names_in_a_manifest_do_not_lead_out_of_the_folder(tmp_path, name):
    (tmp_path / "secret").write_text("made")
    name = name.format(root=tmp_path)
    run = outside(tmp_path, name)
    (tmp_path / "run" / "data" / "link").symlink_to(tmp_path / "secret")
    (tmp_path / "run" / "data" / "folder").symlink_to(tmp_path)
    with pytest.raises(CorruptArtefactError) as refused:
        run.require("data")
    assert str(refused.value) == (
        f"{tmp_path}/run/data/manifest.json names {name}, which is not a file of that folder itself: it is damaged and is "
        "not used. Make it again with alambique distill."
    )


def test_folders_of_a_run_that_are_links_are_refused(tmp_path, recipe):
    run = RunFolder(tmp_path / "run")
    run.write_recipe(recipe)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "run" / ".work").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(RunFolderError) as refused, RunFolder.create(tmp_path / "run"):
        pass
    assert str(refused.value) == (
        f"{tmp_path}/run/.work is a link: writing through it could change files elsewhere. Remove it, or choose another "
        "folder with --out."
    )


def test_a_stage_that_is_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path):
    run = RunFolder(tmp_path / "run")
    made = run.stage("data", {}, make([])).folder
    made.rename(tmp_path / "elsewhere")
    made.symlink_to(tmp_path / "elsewhere")
    run.stage("data", {}, make([]))
    assert not made.is_symlink()
    assert files(tmp_path / "elsewhere") == ["manifest.json", "result.txt"]


def test_a_text_is_not_written_through_a_link(tmp_path, recipe):
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".recipe.yaml.part").symlink_to(tmp_path / "mine.txt")
    RunFolder(tmp_path / "run").write_recipe(recipe)
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize("left", [".lock", ".recipe.yaml.part"])
def test_a_run_killed_at_its_very_start_can_begin_again(tmp_path, recipe, left):
    (tmp_path / left).write_text("{")
    with RunFolder.create(tmp_path) as run:
        run.write_recipe(recipe)
    assert files(tmp_path) == ["recipe.yaml"]


def test_a_recipe_that_was_damaged_in_a_run_is_written_again(tmp_path, recipe):
    with RunFolder.create(tmp_path) as run:
        run.write_recipe(recipe)
        run.stage("data", {}, make([]))
    (tmp_path / "recipe.yaml").write_bytes(b"\xff\x00")
    with RunFolder.create(tmp_path) as run:
        run.write_recipe(recipe)
    assert Recipe.load(tmp_path / "recipe.yaml") == recipe


def test_a_whole_stage_that_was_not_moved_yet_is_moved(tmp_path):
    run, calls = RunFolder(tmp_path), []
    run.stage("data", {"k": 1}, make(calls))
    (tmp_path / ".work").mkdir()
    (tmp_path / "data").rename(tmp_path / ".work" / "data")
    run.stage("data", {"k": 1}, make(calls))
    assert len(calls) == 1
    assert files(tmp_path) == ["data/manifest.json", "data/result.txt"]


def test_versions_are_recorded_and_never_matched(tmp_path):
    run, calls = RunFolder(tmp_path), []
    run.stage("data", {}, make(calls))
    manifest = tmp_path / "data" / "manifest.json"
    content = json.loads(manifest.read_text())
    assert set(content["environment"]["versions"]) >= {"torch", "transformers", "datasets"}
    content["environment"]["versions"]["torch"] = "1.0"
    manifest.write_text(json.dumps(content))
    run.stage("data", {}, make(calls))
    assert len(calls) == 1


def test_the_mark_is_a_recipe_with_an_id_that_stays(tmp_path, recipe):
    run = RunFolder(tmp_path / "new")
    run.write_recipe(recipe)
    identity = run.run_id()
    assert len(identity) == 32
    assert Recipe.load(tmp_path / "new" / "recipe.yaml") == recipe
    run.write_recipe(recipe)
    assert run.run_id() == identity


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(RunFolderError) as caught, RunFolder.create(tmp_path):
        pass
    assert str(caught.value) == (
        f"{tmp_path} holds other files and no recipe.yaml of a run, so nothing is written there. "
        "Choose another folder with --out."
    )
    assert files(tmp_path) == ["thesis.txt"]


def test_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(RunFolderError, match="is a file; --out must name a folder"), RunFolder.create(tmp_path / "out"):
        pass


def test_the_users_error_takes_a_new_folder_away_again(tmp_path, recipe):
    def half(work):
        (work / "rows.part").write_text("half")
        raise DataError("x")

    with pytest.raises(DataError), RunFolder.create(tmp_path / "a" / "b") as run:
        run.write_recipe(recipe)
        run.stage("data", {}, half)
    assert list(tmp_path.iterdir()) == []


def every_error(base=AlambiqueError):
    return [base, *(error for each in base.__subclasses__() for error in every_error(each))]


@pytest.mark.parametrize("error", [*every_error(), RuntimeError, OSError, MemoryError, KeyboardInterrupt, SystemExit])
def test_what_a_finished_stage_made_is_never_thrown_away(tmp_path, recipe, error):
    for name in (DATA, f"{TOKENS}/{TEACHER}", BENCHMARK, ONNX, *SEED_STAGES, f"{SEEDS}/0/{STUDENT}"):
        path = tmp_path / name.replace("/", "-")
        with pytest.raises((error, OutOfMemoryError)), RunFolder.create(path) as run:
            run.write_recipe(recipe)
            run.stage(name, {}, make([]))
            raise error.__new__(error, "x")  # some are made from more than a message
        assert files(path) == sorted(["recipe.yaml", f"{name}/manifest.json", f"{name}/result.txt"])


def test_nor_is_one_whose_folder_could_not_be_moved_to_its_place(tmp_path, recipe, monkeypatch):
    def refuse(*_):
        raise RunFolderError("x")

    monkeypatch.setattr("alambique.run.folder.publish", refuse)
    with pytest.raises(RunFolderError), RunFolder.create(tmp_path / "run") as run:
        run.write_recipe(recipe)
        run.stage(TEACHER, {}, make([]))
    assert (tmp_path / "run" / ".work" / TEACHER / "result.txt").read_text() == "made"


def test_an_empty_folder_that_was_there_stays(tmp_path, recipe):
    with pytest.raises(DataError), RunFolder.create(tmp_path) as run:
        run.write_recipe(recipe)
        raise DataError("x")
    assert tmp_path.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_the_users_error_leaves_an_older_run_alone(tmp_path, recipe):
    RunFolder(tmp_path).write_recipe(recipe)
    with pytest.raises(DataError), RunFolder.create(tmp_path):
        raise DataError("x")
    assert files(tmp_path) == ["recipe.yaml"]


def test_other_errors_keep_what_was_made(tmp_path, recipe):
    with pytest.raises(WeakTeacherError), RunFolder.create(tmp_path / "run") as run:
        run.write_recipe(recipe)
        raise WeakTeacherError("x")
    assert files(tmp_path / "run") == ["recipe.yaml"]


def test_a_recipe_that_is_not_as_it_was_written_is_not_read_and_gives_no_id(tmp_path, recipe):
    run, path = RunFolder(tmp_path), tmp_path / "recipe.yaml"
    run.write_recipe(recipe)
    identity, text = run.run_id(), path.read_text()
    changed = text.replace("temperature: 2.0", "temperature: 2.1")
    assert changed != text
    path.write_text(changed)
    with pytest.raises(CorruptArtefactError) as refused:
        RunFolder.existing(tmp_path)
    assert str(refused.value) == (
        f"{path} has not the SHA-256 that its first line names: it is damaged and is not used. Make it again with alambique "
        "distill."
    )
    run.write_recipe(recipe)
    assert run.run_id() not in (None, identity)
    path.write_text(text.partition("\n")[2])  # as it was written before there was a hash
    assert RunFolder.existing(tmp_path).run_id() == identity


def test_a_stage_without_its_manifest_is_not_reported_on(tmp_path):
    run = RunFolder(tmp_path)
    run.stage("teacher", {}, make([]))
    run.check()
    (tmp_path / "teacher" / "manifest.json").unlink()
    with pytest.raises(RunFolderError) as refused:
        run.check()
    assert str(refused.value) == f"{tmp_path} has no teacher yet. Finish it with alambique distill."


def test_a_manifest_has_no_part_that_nobody_wrote(tmp_path):
    run = RunFolder(tmp_path)
    run.stage("teacher", {}, make([]))
    path = tmp_path / "teacher" / "manifest.json"
    path.write_text(path.read_text().replace('"digest"', '"eigest"'))
    with pytest.raises(CorruptArtefactError) as refused:
        run.require("teacher")
    assert str(refused.value) == (
        f"{path} is not what was written there: it is damaged and is not used. Make it again with alambique distill."
    )


@pytest.mark.parametrize("content", [None, "", "run_id: [1]", "- a", "run_id"])
def test_what_is_no_run_is_named(tmp_path, content):
    if content is not None:
        (tmp_path / "recipe.yaml").write_text(content)
    with pytest.raises(RunFolderError) as caught:
        RunFolder.existing(tmp_path)
    assert str(caught.value) == f"{tmp_path} is not a run folder: it has no recipe.yaml with a run id."
