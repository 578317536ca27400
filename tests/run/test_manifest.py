import hashlib
import json

import pytest

from alambique.run.integrity import digest_of
from alambique.run.manifest import (
    LIBRARIES,
    Artefact,
    damage,
    environment,
    file_damage,
    read_artefact,
    recorded_digest,
    write_manifest,
)

KEY = {"seed": 0, "labels": ["a", "b"]}
MADE = hashlib.sha256(b"made").hexdigest()
FILES = {"model/weights": MADE, "result.txt": MADE}


@pytest.fixture
def folder(tmp_path):
    """An artefact of two files."""
    made = tmp_path / "teacher"
    (made / "model").mkdir(parents=True)
    for name in FILES:
        (made / name).write_text("made")
    write_manifest(made, KEY, 1.5)
    return made


def edit(folder, **changes):
    path = folder / "manifest.json"
    content = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))


def test_the_manifest_names_key_files_and_seconds(folder):
    content = json.loads((folder / "manifest.json").read_text())
    assert content == {
        "key": KEY, "files": FILES, "seconds": 1.5, "environment": environment(),
        "digest": digest_of({"key": KEY, "files": FILES, "seconds": 1.5}),
    }  # fmt: skip


def test_an_artefact_is_known_by_its_key(folder):
    artefact = Artefact(folder, digest_of(FILES), 1.5)
    assert read_artefact(folder, KEY) == artefact
    assert read_artefact(folder, None) == artefact
    assert read_artefact(folder, KEY | {"seed": 1}) is None
    assert recorded_digest(folder) == artefact.digest


def test_files_that_the_manifest_does_not_name_change_nothing(folder):
    (folder / "notes.txt").write_text("mine")
    assert read_artefact(folder, KEY) is not None
    assert damage(folder) is None


def test_names_at_the_top_can_be_left_out(folder):
    for name in ("scratch/checkpoint", "model/scratch"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("half")
    write_manifest(folder, KEY, 1.5, leave_out=("scratch",))
    files = json.loads((folder / "manifest.json").read_text())["files"]
    assert list(files) == ["model/scratch", "model/weights", "result.txt"]


def test_manifests_of_older_runs_without_a_digest_hold(folder):
    edit(folder, digest=None, environment=None)
    assert read_artefact(folder, KEY) is not None


@pytest.mark.parametrize(
    "changes",
    [
        {"key": None},
        {"key": "teacher"},
        {"key": KEY | {"seed": 1}},  # its digest says otherwise
        {"files": None},
        {"files": {"result.txt": 1}},
        {"files": {"result.txt": MADE}},
        {"seconds": "1.5"},
        {"seconds": True},
        {"seconds": 2.5},
        {"digest": "0" * 64},
        {"more": 1},
    ],
)
def test_a_manifest_that_is_not_what_was_written(folder, changes):
    edit(folder, **changes)
    assert read_artefact(folder, None) is None
    assert (
        damage(folder) == file_damage(folder, "result.txt") == f"{folder}/manifest.json is not what was written there"
    )


@pytest.mark.parametrize("content", ["{", "[]", "1"])
def test_a_manifest_that_is_not_a_mapping(folder, content):
    (folder / "manifest.json").write_text(content)
    assert read_artefact(folder, None) is None
    assert recorded_digest(folder) is None
    assert damage(folder) == f"{folder}/manifest.json is not what was written there"


def test_a_manifest_that_is_missing(folder):
    (folder / "manifest.json").unlink()
    assert (read_artefact(folder, None), recorded_digest(folder)) == (None, None)
    assert damage(folder) == f"{folder}/manifest.json is missing"


@pytest.mark.parametrize("what", ["folder", "manifest.json"])
def test_links_are_refused(folder, tmp_path, what):
    if what == "folder":
        folder.rename(tmp_path / "elsewhere")
        folder.symlink_to(tmp_path / "elsewhere")
        link = folder
    else:
        link = folder / what
        link.rename(tmp_path / what)
        link.symlink_to(tmp_path / what)
    assert read_artefact(folder, KEY) is None
    assert damage(folder) == f"{link} is a link, which a run folder never holds"


def test_a_changed_and_a_missing_file_are_named(folder):
    (folder / "result.txt").write_text("mad3")
    message = f"{folder}/result.txt has SHA-256 {hashlib.sha256(b'mad3').hexdigest()[:16]}…, its manifest {MADE[:16]}…"
    assert damage(folder) == file_damage(folder, "result.txt") == message
    assert file_damage(folder, "model/weights") is None
    assert read_artefact(folder, KEY) is None
    assert recorded_digest(folder) == digest_of(FILES)  # as it was made
    (folder / "result.txt").unlink()
    assert damage(folder) == file_damage(folder, "result.txt") == f"{folder}/result.txt is missing"


def test_a_file_that_the_manifest_does_not_name_is_not_vouched_for(folder):
    (folder / "notes.txt").write_text("mine")
    assert file_damage(folder, "notes.txt") == f"{folder}/manifest.json does not name notes.txt"


def test_a_name_that_leads_out_of_the_folder(folder, tmp_path):
    (tmp_path / "secret").write_text("made")
    edit(folder, files={"../secret": MADE}, digest=None)
    assert damage(folder) == f"{folder}/manifest.json names ../secret, which is not a file of that folder itself"


def test_the_environment_names_the_libraries_and_the_machine():
    recorded = environment()
    assert set(recorded) == {"python", "platform", "processor", "cpus", "versions"}
    assert tuple(recorded["versions"]) == LIBRARIES
