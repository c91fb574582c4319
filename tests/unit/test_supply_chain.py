"""What is installed is pinned with hashes, and containers may do little."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LOCKS = ["requirements.lock", "requirements-cpu.lock", "requirements-cuda.lock"]
DEV_LOCK = "requirements-dev.lock"


def blocks(lock: str) -> Iterator[str]:
    """Yield each package of a lock file with its hashes, as one line."""
    text = (ROOT / lock).read_text("utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if line and not line.startswith("#"):
            yield line


def names(*locks: str) -> set[str]:
    found = [re.split(r"==", block)[0] for lock in locks for block in blocks(lock)]
    return {re.sub(r"[-_.]+", "-", name).lower() for name in found}


def required(group: list[str]) -> set[str]:
    found = [re.match(r"[A-Za-z0-9._-]+", line) for line in group]
    return {re.sub(r"[-_.]+", "-", match[0]).lower() for match in found if match}


@pytest.mark.parametrize("lock", [*LOCKS, DEV_LOCK])
def test_e9_every_package_is_pinned_with_hashes(lock: str) -> None:
    pinned = list(blocks(lock))
    assert pinned
    for block in pinned:
        assert re.match(r"[A-Za-z0-9._-]+==\S+ ", block), block[:60]
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", block), block[:60]


def test_e9_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    needed = required(project["project"]["dependencies"] + project["build-system"]["requires"])
    assert needed <= names("requirements.lock", "requirements-cpu.lock")
    assert needed <= names("requirements.lock", "requirements-cuda.lock")
    assert required(project["project"]["optional-dependencies"]["dev"]) <= names(DEV_LOCK)


def test_e9_no_package_is_pinned_twice() -> None:
    assert not names(DEV_LOCK) & names(*LOCKS)
    assert not names("requirements.lock") & names("requirements-cpu.lock", "requirements-cuda.lock")


def test_e9_pip_installs_nothing_without_a_hash() -> None:
    for name in ("Makefile", "Dockerfile"):
        text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
        for install in re.findall(r"(?:pip install|INSTALL\))[^\n&]*", text):
            is_project = re.search(r"--no-deps --no-build-isolation (-e )?\.", install)
            assert "--require-hashes" in install or "INSTALL)" in install or is_project, install


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    composed = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
    found: dict[str, dict[str, Any]] = composed["services"]
    return found


def test_e9_containers_may_do_little(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert service["pids_limit"], name
        assert service["mem_limit"], name


def test_e9_stores_reach_nothing_outside(services: dict[str, dict[str, Any]]) -> None:
    for name in ("postgres", "redis"):
        assert services[name]["networks"] == ["stores"], name
        assert "ports" not in services[name], name
