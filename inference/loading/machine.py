"""What this process may use of the machine's processors and memory: control groups count.

A container sees the whole machine in /proc; what it may take stands in its control groups, of
version 2 or 1. Knows neither models nor torch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

#: A limit above this is none (version 1 writes the largest number of pages that there is).
_NO_LIMIT = 1 << 60


def usable_cpus(root: Path = Path("/")) -> int:
    """Whole processors that this process may keep busy, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    quotas = [quota for folder in _folders(root, "cpu") if (quota := _quota(folder))]
    return max(1, min([count, *map(int, quotas)]))


def free_memory(root: Path = Path("/")) -> int:
    """Bytes that may be taken without swapping, and without being killed for it."""
    left = [free for folder in _folders(root, "memory") if (free := _left(folder)) is not None]
    return max(0, min([_available(root), *left]))


def _available(root: Path) -> int:
    """What the whole machine has."""
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """The process's own group and all above it: each may limit it.

    A group's path is seen from outside where the container has no name space of its own for it;
    then the mounted root is the group.
    """
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, names, path = line.split(":", 2)
        if names and controller not in names.split(","):
            continue
        mounted = root / "sys/fs/cgroup" / (controller if names else "")
        parts = [part for part in path.split("/") if part not in {"", ".."}]
        for depth in range(len(parts), -1, -1):
            yield mounted.joinpath(*parts[:depth])


def _quota(folder: Path) -> float | None:
    """Processors that a group may use in a period, as a fraction of its length."""
    words = _read(folder / "cpu.max").split()
    if not words:
        words = [_read(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    if len(words) != 2 or not all(word.isdecimal() for word in words) or not int(words[1]):
        return None  # "max", -1 or no such file: no limit
    return int(words[0]) / int(words[1])


def _left(folder: Path) -> int | None:
    """Bytes up to a group's limit; pages of files that it can give back count as free."""
    for limit, usage, reclaimable in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        most, used = _read(folder / limit).strip(), _read(folder / usage).strip()
        if not most.isdecimal() or not used.isdecimal() or int(most) >= _NO_LIMIT:
            continue
        lines = [line.split() for line in _read(folder / "memory.stat").splitlines()]
        back = sum(int(words[1]) for words in lines if words[0] == reclaimable)
        return int(most) - int(used) + back
    return None


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
