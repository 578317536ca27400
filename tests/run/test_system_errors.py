import errno
from pathlib import Path

import numpy as np
import pytest
import torch

import alambique.run.system_errors as module
from alambique.errors import DataError, DiskError, ModelError, OutOfMemoryError
from alambique.run.system_errors import explain_system_error

FULL = (
    "The disk of {folder} is full: 1.5 MB free (in the stage student). Make room and give the same command again; what is "
    "done is kept, and it goes on from there."
)


@pytest.fixture
def free(monkeypatch):
    monkeypatch.setattr(module, "_free", lambda folder: 1_500_000)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0"),
        OSError("262144 requested and 12288 written"),
    ],
)
def test_a_full_disk_is_told_alike_whoever_finds_it(free, tmp_path, error):
    explained = explain_system_error(error, tmp_path, doing="student")
    assert isinstance(explained, DiskError)
    assert str(explained) == FULL.format(folder=tmp_path)


def test_a_full_disk_is_seen_behind_another_error(free, tmp_path):
    error = RuntimeError("saving failed")
    error.__cause__ = OSError(errno.ENOSPC, "x")
    assert str(explain_system_error(error, tmp_path, doing="student")) == FULL.format(folder=tmp_path)


def memory_error():
    try:
        np.ones(2**55, dtype=np.int8)
    except MemoryError as error:
        return error


def torch_error():
    try:
        torch.ones(2**50)
    except RuntimeError as error:
        return error


@pytest.mark.parametrize(
    "error",
    [
        memory_error(),
        torch_error(),
        torch.OutOfMemoryError("CUDA out of memory. Tried"),
        RuntimeError("could not create a primitive"),
        RuntimeError("std::bad_alloc"),
        RuntimeError("can't start new thread"),
        ImportError("x.so: failed to map segment from shared object"),
    ],
)
def test_too_little_memory_names_the_keys_that_matter(tmp_path, error):
    explained = explain_system_error(error, tmp_path, doing="undistilled")
    assert isinstance(explained, OutOfMemoryError)
    assert str(explained) == (
        "Memory ran out in the stage undistilled. Halve student.batch_size and double student.gradient_accumulation, which "
        "trains the same; or lower data.max_length. What is done is kept, but the stage begins anew with another recipe."
    )
    assert str(explain_system_error(error, tmp_path)) == (
        "Memory ran out. Lower data.max_length or data.max_rows, or give the machine more; what is done is kept."
    )


def test_lack_of_memory_is_seen_behind_a_message_that_blames_the_model(tmp_path):
    error = ModelError("student.model: the model in /models/tiny cannot be loaded (can't start new thread).")
    error.__cause__ = RuntimeError("can't start new thread")
    explained = explain_system_error(error, tmp_path)
    assert isinstance(explained, OutOfMemoryError)
    assert str(explained) == (
        "Memory ran out. Lower data.max_length or data.max_rows, or give the machine more; what is done is kept."
    )


def test_what_is_explained_already_is_not_explained_again(tmp_path):
    explained = explain_system_error(MemoryError(), tmp_path, doing="student")
    explained.__cause__ = MemoryError()
    assert explain_system_error(explained, tmp_path) is None


def test_a_folder_that_turned_read_only_is_named(tmp_path):
    error = OSError(errno.EROFS, "Read-only file system", "/run/teacher/x")
    assert str(explain_system_error(error, tmp_path, doing="teacher")) == (
        "/run/teacher/x cannot be read or written: Read-only file system (in the stage teacher). Mend that and give the "
        "same command again; what is done is kept."
    )


@pytest.mark.parametrize(
    "error", [ValueError("x"), DataError("no"), FileNotFoundError(errno.ENOENT, "x"), OSError("x")]
)
def test_other_errors_stay_what_they_are(tmp_path, error):
    assert explain_system_error(error, tmp_path) is None


def test_free_space_is_that_of_the_nearest_folder_there_is(tmp_path):
    assert module._free(tmp_path / "a" / "b") == pytest.approx(module._free(tmp_path), rel=0.5)
    assert module._free(Path("/nowhere/at/all")) > 0
