"""Memory that is freed each step and wanted again the next: keep it, instead of asking the system for fresh pages."""

import ctypes
import platform
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h
_KEEP = 2**31 - 1  # bytes, the most that mallopt's int holds
_MMAP_THRESHOLDS = (2**30, 2**25)  # older glibc takes no more than 32 MiB


@cache
def keep_freed_memory() -> bool:
    """Tell glibc to serve large blocks from its heap and to keep what is freed, for this process from now on.

    By default each large tensor is a mapping of its own, whose pages the system clears anew every time: a training step on a
    processor frees and wants some hundred megabytes. (mallopt(3): M_MMAP_THRESHOLD, M_TRIM_THRESHOLD.)

    Returns:
        whether it was done: only with glibc, and where a CPU does the work.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_M_TRIM_THRESHOLD, _KEEP)) and any(
        mallopt(_M_MMAP_THRESHOLD, size) for size in _MMAP_THRESHOLDS
    )
