"""What this process may use of the machine: processors, memory and devices.

A container sees the whole machine in /proc. Its limits stand in its control groups, version 2 or 1.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# Version 1 writes the largest number of pages for "no limit".
_NO_LIMIT = 1 << 60


def usable_cpus(root: Path = Path("/")) -> int:
    """Return how many whole processors this process may keep busy, at least 1."""
    if hasattr(os, "sched_getaffinity"):
        count = len(os.sched_getaffinity(0))
    else:
        count = os.cpu_count() or 1
    quotas = [quota for folder in _folders(root, "cpu") if (quota := _quota(folder))]
    return max(1, min([count, *map(int, quotas)]))


def free_memory(root: Path = Path("/")) -> int:
    """Return bytes that can be allocated without swapping and without being killed for it."""
    left = [free for folder in _folders(root, "memory") if (free := _left(folder)) is not None]
    return max(0, min([_available(root), *left]))


def _available(root: Path) -> int:
    """Return what the whole machine has free."""
    for line in _read(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _folders(root: Path, controller: str) -> Iterator[Path]:
    """Yield the process's own group and all above it: each may limit it.

    In a container without a cgroup namespace the path is the host's, and the mounted root is the
    group.
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
    """Return how many processors a group may use, or None without a limit."""
    words = _read(folder / "cpu.max").split()
    if not words:
        words = [_read(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
    if len(words) != 2 or not all(word.isdecimal() for word in words) or not int(words[1]):
        return None  # "max", -1 or no such file: no limit
    return int(words[0]) / int(words[1])


def _left(folder: Path) -> int | None:
    """Return bytes up to a group's limit; file pages that it can give back count as free."""
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


@dataclass(frozen=True, slots=True)
class Device:
    """A place where a model can run.

    Attributes:
        kind: `cpu` or `cuda`.
        name: For people, such as `NVIDIA H100`.
        free_bytes: Memory that is free now, as far as control groups allow.
    """

    kind: str
    name: str
    free_bytes: int


def describe_device(device: str) -> Device:
    """Return what `auto`, `cpu`, `cuda` (all GPUs) or `cuda:N` means on this machine.

    Raises:
        ValueError: There is no such device here.
    """
    import torch

    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cpu":
        return Device("cpu", "CPU", free_memory())
    if not device.startswith("cuda"):
        raise ValueError(f"{device} is not a device that this program knows")
    if not torch.cuda.is_available():
        raise ValueError(
            f"{device}: torch finds no CUDA device; check the driver and that torch is a CUDA build"
        )
    count, number = torch.cuda.device_count(), device.partition(":")[2]
    if int(number or 0) >= count:
        raise ValueError(f"{device}: there are only {count} CUDA devices")
    chosen = [int(number)] if number else range(count)
    free = sum(torch.cuda.mem_get_info(index)[0] for index in chosen)
    name = torch.cuda.get_device_name(chosen[0])
    return Device("cuda", f"{len(chosen)} GPUs, {name}" if len(chosen) > 1 else name, free)
