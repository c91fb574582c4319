"""What the environment says about the model reaches it, and `pica doctor` says what that means."""

import sys
from typing import Any

import pytest

from bot.cli.doctor import Grade
from bot.cli.doctor.model import check_serving
from bot.service.connections import load_model
from bot.settings import Settings, SettingsError, load
from inference import InferenceWorker, ModelSource

ASKED = {
    "PICA_WEIGHTS": "int8",
    "PICA_MAX_RUNNING": "4",
    "PICA_MAX_WAITING": "40",
    "PICA_RESIDENT_MIB": "100",
    "PICA_HOST_MIB": "200",
    "PICA_THREADS": "3",
    "PICA_DEVICE": "cpu",
}


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)  # no .env
    for name, value in ASKED.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


async def test_every_setting_reaches_the_model(environment: pytest.MonkeyPatch) -> None:
    asked: list[ModelSource] = []

    async def start(source: ModelSource, *, progress: Any = None) -> None:
        asked.append(source)

    environment.setattr(InferenceWorker, "start", start)
    await load_model(load())
    assert asked == [
        ModelSource(
            device="cpu",
            weights="int8",
            max_running=4,
            max_waiting=40,
            resident_mib=100,
            host_mib=200,
            threads=3,
        )
    ]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PICA_MAX_RUNNING", "0"),
        ("PICA_MAX_WAITING", "-1"),
        ("PICA_RESIDENT_MIB", "-1"),
        ("PICA_HOST_MIB", "some"),
        ("PICA_THREADS", "0"),
        ("PICA_WEIGHTS", "int4"),
    ],
)
def test_a_bad_value_is_named(environment: pytest.MonkeyPatch, name: str, value: str) -> None:
    environment.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name}: "):
        load()


def test_an_empty_value_means_the_default(environment: pytest.MonkeyPatch) -> None:
    for name in ASKED:
        environment.setenv(name, "")
    assert load() == Settings(_env_file=None)


async def test_doctor_says_what_is_served(environment: pytest.MonkeyPatch) -> None:
    environment.setitem(sys.modules, "torchao", None)
    weights, serving = await check_serving(load())
    assert weights.grade is Grade.BAD
    assert "torchao" in weights.what
    assert serving.grade is Grade.GOOD
    assert "4 replies at once, 40 may wait (5 of the places for people at risk)" in serving.what
    assert "3 threads; 100 MiB and 200 MiB" in serving.what
