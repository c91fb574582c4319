"""Downloads from a hub on this machine, by the hub's own client in a process of its own."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from inference.loading.hub import fetch
from inference.requests import CheckpointError
from tests.support.hub_server import COMMIT, HubServer, serve_hub

ASK = """
import os, resource, sys
from inference.loading.hub import fetch
from inference.requests import CheckpointError
if "LARGEST" in os.environ:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["LARGEST"]),) * 2)
for name in sys.argv[1:]:
    try:
        print(fetch(name))
    except CheckpointError as error:
        print("refused:", error)
"""


class Client:
    """The hub's client with a cache of its own."""

    def __init__(self, hub: HubServer, cache: Path) -> None:
        self.hub, self.cache = hub, cache

    def fetch(self, *names: str, **environment: str) -> str:
        settings = {
            "HF_ENDPOINT": self.hub.address,
            "HF_HUB_CACHE": str(self.cache),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "PYTHONPATH": str(Path(__file__).parents[4]),
            "PATH": os.environ["PATH"],
            "HOME": str(self.cache.parent),
        }
        done = subprocess.run(
            [sys.executable, "-c", ASK, *(names or ["owner/model"])],
            env=settings | environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        return done.stdout.strip()


@pytest.fixture
def hub(pica, tmp_path) -> Iterator[HubServer]:
    with serve_hub(shutil.copytree(pica.model, tmp_path / "hub")) as server:
        yield server


@pytest.fixture
def client(hub, tmp_path) -> Client:
    return Client(hub, tmp_path / "cache")


def held(folder: str) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in Path(folder).rglob("*") if p.is_file())


def test_b7_files_are_chosen_by_the_index(client, hub):
    """What lies below the root, another form, code, pictures: none of it confuses the choice."""
    sound = hub.files
    for name in (
        "adapter/adapter_model.safetensors",
        "checkpoint-500/pytorch_model.bin",
        "checkpoint-500/config.json",
        "modeling_chatglm.py",
        "pytorch_model-00003-of-00003.bin",
        "optimizer.bin",
        "README.md",
    ):
        (hub.folder / name).parent.mkdir(exist_ok=True)
        (hub.folder / name).write_bytes(b"x")
    folder = client.fetch()
    assert folder.endswith(f"models--owner--model/snapshots/{COMMIT}")
    assert held(folder) == sound


def test_b7_a_safetensors_index_without_its_shards_is_passed_over(client, hub):
    index = '{"weight_map": {"x": "model-00001-of-00001.safetensors"}}'
    (hub.folder / "model.safetensors.index.json").write_text(index)
    assert "pytorch_model-00001-of-00002.bin" in held(client.fetch())


def test_b7_a_prefix_of_peft_is_fetched(client, hub):
    for path in [*hub.folder.iterdir()]:
        path.unlink()
    (hub.folder / "adapter_config.json").write_text("{}")
    (hub.folder / "adapter_model.safetensors").write_bytes(b"x")
    (hub.folder / "rng_state.bin").write_bytes(b"x")
    assert held(client.fetch()) == ["adapter_config.json", "adapter_model.safetensors"]


def test_b7_with_a_full_cache_the_hub_is_not_asked(client, hub):
    folder = client.fetch()
    hub.asked.clear()
    assert client.fetch() == folder
    assert hub.asked == []
    assert client.fetch(HF_HUB_OFFLINE="1") == folder


def test_b7_what_a_cache_lacks_is_fetched(client, hub):
    folder = client.fetch()
    (Path(folder) / "pytorch_model-00002-of-00002.bin").unlink()
    assert client.fetch() == folder
    assert "pytorch_model-00002-of-00002.bin" in held(folder)


def test_b7_an_error_of_the_hub_keeps_its_cause(client):
    causes = {
        "404-RepoNotFound": "no such repository.*Correct the name",
        "404-RevisionNotFound": "no such revision",
        "401-RepoNotFound": "no such repository, or it is private.*HF_TOKEN",
        "401-GatedRepo": "asks for consent first.*Agree",
        "403-GatedRepo": "asks for consent first.*Agree",
        "403-Other": r"refuses access \(403\).*HF_TOKEN",
        "429-Other": r"no more requests for a while \(429\)",
        "500-Other": r"fault of its own \(500\)",
        "404-.": "not a name that the hub allows. Correct the name",
        "502-Other": r"fault of its own \(502\)",
    }
    said = client.fetch(*(f"errors/{name}" for name in causes)).splitlines()
    for line, pattern in zip(said, causes.values(), strict=True):
        assert_says(line, pattern)


def test_b7_a_hub_out_of_reach(client, hub):
    with serve_hub(hub.folder) as gone:
        address = gone.address
    assert_says(client.fetch(HF_ENDPOINT=address), "could not be reached.*HF_ENDPOINT")


def test_b7_offline_without_a_cache(client):
    assert_says(client.fetch(HF_HUB_OFFLINE="1"), "HF_HUB_OFFLINE is set")


def test_b7_a_cache_that_cannot_be_written(client, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    said = client.fetch(HF_HUB_CACHE=str(tmp_path / "file" / "cache"))
    assert_says(said, "cache .*file/cache cannot be written.*HF_HOME")


def test_b7_a_disk_that_is_full(client):
    """A file may grow to 100,000 bytes, and the shards are larger."""
    assert_says(client.fetch(LARGEST="100000"), "the disk is full.*HF_HOME")


def test_a_name_that_is_neither_folder_nor_hub_name(tmp_path):
    with pytest.raises(CheckpointError, match=r"no folder.*Give a folder or a hub name"):
        fetch(str(tmp_path / "nothing" / "here"))


def test_b6_a_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "model").mkdir()
    assert fetch("~/model") == tmp_path / "model"


def assert_says(said: str, pattern: str) -> None:
    assert said.startswith("refused: "), said
    assert re.search(pattern, said), said
