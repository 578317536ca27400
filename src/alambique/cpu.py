"""The processor: how many cores this process may use, and how its memory is kept."""

import ctypes
import os
import platform
from functools import cache
from pathlib import Path

_TOPOLOGY = "/sys/devices/system/cpu/cpu{}/topology/thread_siblings_list"
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def available_cores() -> int:
    """Physical cores within the process's affinity, its container's quota and ``OMP_NUM_THREADS``.

    Two threads of one core count once: matrix products gain nothing from the second, and lose where threads wait for a core.
    """
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = {_read(Path(_TOPOLOGY.format(cpu))) or str(cpu) for cpu in allowed}
    limits = [len(cores), *_quota(_read(_QUOTA)), *_positive(os.environ.get("OMP_NUM_THREADS", ""))]
    return max(1, min(limits))


def _quota(text: str) -> list[int]:
    """``cpu.max`` holds microseconds of processor time a period, or ``max``, and the period."""
    share, _, period = text.partition(" ")
    return [max(1, int(share) // int(period))] if share.isdigit() and period.isdigit() and int(period) else []


def _positive(text: str) -> list[int]:
    return [int(text)] if text.isdigit() and int(text) > 0 else []


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


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


_CPUINFO = Path("/proc/cpuinfo")


def processor_name() -> str:
    """What the processor calls itself, or its kind where it does not say."""
    lines = (line.partition(":") for line in _read(_CPUINFO).splitlines())
    named = next((value.strip() for key, _, value in lines if key.strip() == "model name"), "")
    return named or platform.processor() or platform.machine()
