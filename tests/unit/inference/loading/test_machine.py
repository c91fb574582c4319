"""A container's limits count, in both versions of control groups, however the group is mounted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from inference.loading.machine import free_memory, usable_cpus

GB = 1 << 30
UNLIMITED_V1 = "9223372036854771712"


@pytest.fixture(autouse=True)
def sixteen_cpus(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)), raising=False)


@pytest.fixture
def machine(tmp_path):
    """A machine with 64 GiB free and no groups yet."""
    write(tmp_path, "proc/meminfo", "MemTotal: 1 kB\nMemAvailable:   67108864 kB\n")
    write(tmp_path, "proc/self/cgroup", "")
    return tmp_path


def write(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_without_groups_the_whole_machine_counts(machine):
    assert usable_cpus(machine) == 16
    assert free_memory(machine) == 64 * GB


@pytest.mark.parametrize("folder", ["", "system.slice/pica.service/"])
def test_version_2(machine, folder):
    write(machine, "proc/self/cgroup", f"0::/{folder}")
    write(machine, f"sys/fs/cgroup/{folder}cpu.max", "350000 100000\n")
    write(machine, f"sys/fs/cgroup/{folder}memory.max", str(8 * GB))
    write(machine, f"sys/fs/cgroup/{folder}memory.current", str(5 * GB))
    write(machine, f"sys/fs/cgroup/{folder}memory.stat", f"anon 1\ninactive_file {2 * GB}\n")
    assert usable_cpus(machine) == 3
    assert free_memory(machine) == 5 * GB


@pytest.mark.parametrize("inside", [True, False], ids=["mounted as root", "by its path"])
def test_version_1(machine, inside):
    where = "" if inside else "docker/0123/"
    write(machine, "proc/self/cgroup", "4:memory:/docker/0123\n2:cpu,cpuacct:/docker/0123\n0::/\n")
    write(machine, f"sys/fs/cgroup/cpu/{where}cpu.cfs_quota_us", "200000\n")
    write(machine, f"sys/fs/cgroup/cpu/{where}cpu.cfs_period_us", "100000\n")
    write(machine, f"sys/fs/cgroup/memory/{where}memory.limit_in_bytes", str(4 * GB))
    write(machine, f"sys/fs/cgroup/memory/{where}memory.usage_in_bytes", str(3 * GB))
    write(machine, f"sys/fs/cgroup/memory/{where}memory.stat", f"total_inactive_file {GB}\n")
    assert usable_cpus(machine) == 2
    assert free_memory(machine) == 2 * GB


def test_a_group_above_limits_too(machine):
    write(machine, "proc/self/cgroup", "0::/pod/container\n")
    write(machine, "sys/fs/cgroup/pod/container/cpu.max", "max 100000\n")
    write(machine, "sys/fs/cgroup/pod/container/memory.max", "max\n")
    write(machine, "sys/fs/cgroup/pod/container/memory.current", str(GB))
    write(machine, "sys/fs/cgroup/pod/cpu.max", "50000 100000\n")
    write(machine, "sys/fs/cgroup/pod/memory.max", str(2 * GB))
    write(machine, "sys/fs/cgroup/pod/memory.current", str(GB))
    assert usable_cpus(machine) == 1  # half a processor is still one thread
    assert free_memory(machine) == GB


def test_no_limit_is_none(machine):
    write(machine, "proc/self/cgroup", "4:memory:/\n1:cpu:/\n")
    write(machine, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "-1\n")
    write(machine, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    write(machine, "sys/fs/cgroup/memory/memory.limit_in_bytes", UNLIMITED_V1)
    write(machine, "sys/fs/cgroup/memory/memory.usage_in_bytes", "5")
    assert usable_cpus(machine) == 16
    assert free_memory(machine) == 64 * GB


def test_over_the_limit_nothing_is_free(machine):
    write(machine, "proc/self/cgroup", "0::/\n")
    write(machine, "sys/fs/cgroup/memory.max", str(GB))
    write(machine, "sys/fs/cgroup/memory.current", str(2 * GB))
    assert free_memory(machine) == 0


def test_the_machine_at_hand():
    assert 1 <= usable_cpus() <= 16
    assert free_memory() > 0
