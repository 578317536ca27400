"""How many processor cores this process may use."""

import os
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
