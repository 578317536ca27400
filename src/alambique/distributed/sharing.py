"""Objects as bytes for the other processes; arrays that are mapped from a file go as the file's name."""

import io
import mmap
import pickle
from typing import Any

import numpy as np


def to_bytes(value: Any) -> bytes:
    """Pickle a value, without what arrays hold that are mapped from disk: the reader maps the same file.

    Args:
        value: anything that can be pickled.

    Example:
        >>> from alambique.distributed.sharing import from_bytes, to_bytes
        >>> from_bytes(to_bytes({"rows": [1, 2]}))
        {'rows': [1, 2]}
    """
    stream = io.BytesIO()
    _Pickler(stream, protocol=pickle.HIGHEST_PROTOCOL).dump(value)
    return stream.getvalue()


def from_bytes(data: bytes) -> Any:
    """The value of :func:`to_bytes`: of a process that was started together with this one, and of nobody else."""
    return pickle.loads(data)  # noqa: S301 - from memory of our own program, never from a file


class _Pickler(pickle.Pickler):
    def reducer_override(self, value: Any) -> Any:
        # a part of a mapped array has another array as its base, and the offset of the whole
        if isinstance(value, np.memmap) and isinstance(value.base, mmap.mmap) and value.filename is not None:
            order = "C" if value.flags.c_contiguous else "F"
            return _map, (str(value.filename), value.dtype, value.shape, value.offset, order)
        return NotImplemented


def _map(file: str, dtype: np.dtype[Any], shape: tuple[int, ...], offset: int, order: Any) -> np.ndarray:
    return np.memmap(file, dtype=dtype, mode="r", shape=shape, offset=offset, order=order)
