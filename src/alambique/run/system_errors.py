"""What a machine can run out of, explain_system_error for people: disk, permission, memory."""

import errno
import shutil
from collections.abc import Iterator
from pathlib import Path

from alambique.errors import AlambiqueError, DiskError, OutOfMemoryError

_FULL = {errno.ENOSPC, errno.EDQUOT}
_FORBIDDEN = {errno.EROFS, errno.EACCES, errno.EPERM}
_BROKEN = {errno.EIO, errno.ENODEV, errno.ESTALE, errno.ENXIO}
# libraries in C++ and Rust pass on the words of an error, not its number
_FULL_WORDS = ("no space left on device", "os error 28", "disk quota exceeded", "os error 122")
_TORN_WORDS = ("pytorchstreamwriter failed writing", "items requested but", "requested and", "unexpected pos")
_MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "bad_alloc", "bad allocation",
                 "could not create a primitive", "could not create a memory object",  # oneDNN's, in the midst of training
                 "failed to map segment from shared object", "can't start new thread")  # fmt: skip
_SMALL = 2**26  # bytes: a disk with less is full, whatever was to be written


def explain_system_error(error: BaseException, folder: Path, *, doing: str | None = None) -> AlambiqueError | None:
    """The message for an error of the machine; None if it is not one, or is one of Alambique's own.

    Of Alambique's own errors, those that lack of memory caused are explained too: whoever loads or tries a model cannot
    tell a library's errors apart, and would blame the model.

    Args:
        error: as it was raised.
        folder: what was being written to.
        doing: the stage, where it is known.
    """
    if isinstance(error, OutOfMemoryError):
        return None
    chain = list(_chain(error))
    where = f" (in the stage {doing})" if doing else ""
    if any(isinstance(one, MemoryError) or _says(one, _MEMORY_WORDS) for one in chain):
        return OutOfMemoryError(_memory(doing))
    if isinstance(error, AlambiqueError):
        return None
    numbers = {one.errno for one in chain if isinstance(one, OSError)}
    full = numbers & _FULL or any(_says(one, _FULL_WORDS) for one in chain)
    if full or (_free(folder) < _SMALL and any(_says(one, _TORN_WORDS) for one in chain)):
        return DiskError(
            f"The disk of {folder} is full: {_size(_free(folder))} free{where}. Make room and give the same command again; "
            "what is done is kept, and it goes on from there."
        )
    own = next((one for one in chain if isinstance(one, OSError) and one.errno in _FORBIDDEN | _BROKEN), None)
    if own is not None:
        return DiskError(
            f"{own.filename or folder} cannot be read or written: {own.strerror}{where}. Mend that and give the same "
            "command again; what is done is kept."
        )
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        current = current.__cause__ or current.__context__


def _says(error: BaseException, words: tuple[str, ...]) -> bool:
    text = str(error).lower()
    return any(word in text for word in words)


def _memory(doing: str | None) -> str:
    stage = (doing or "").split("/")[-1]
    section = {"teacher": "teacher", "student": "student", "undistilled": "student"}.get(stage)
    begun = f"Memory ran out{f' in the stage {doing}' if doing else ''}. "
    if section is not None:
        return (
            f"{begun}Halve {section}.batch_size and double {section}.gradient_accumulation, which trains the same; "
            "or lower data.max_length. What is done is kept, but the stage begins anew with another recipe."
        )
    return f"{begun}Lower data.max_length or data.max_rows, or give the machine more; what is done is kept."


def _free(folder: Path) -> int:
    above = next((path for path in (folder, *folder.parents) if path.exists()), Path("/"))
    return shutil.disk_usage(above).free


def _size(count: int) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 10**9 else f"{count / 1e6:.1f} MB"
