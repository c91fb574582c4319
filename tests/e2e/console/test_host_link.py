"""`pica console link`: the way in when Telegram is down, beside a running service."""

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from bot.__main__ import app
from bot.cli.demo import console_link
from bot.service.lifecycle import Service
from sandbox import Sandbox
from storage import new_secret_key
from tests.e2e.conftest import SECRET_KEY
from tests.e2e.console.conftest import acts_of


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, logging_restored: None) -> None:
    """What stands in the environment of whoever has the host."""
    for name in [name for name in os.environ if name.startswith("PICA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PICA_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("PICA_DATA_DIR", str(tmp_path))
    monkeypatch.chdir(tmp_path)


async def link(*arguments: str, status: int = 0) -> str:
    result = await asyncio.to_thread(
        CliRunner().invoke, app, ["console", "link", *arguments], None, None
    )
    assert result.exit_code == status, result.output
    return " ".join(result.output.split())


async def test_a_link_from_the_host_signs_in_once(
    service: Service,
    sandbox: Sandbox,
    browser: Callable[[], httpx.AsyncClient],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PICA_HTTP_PORT", str(service.http_port))
    said = await link(str(sandbox.operator.id))
    found = re.search(rf"http://127.0.0.1:{service.http_port}/console/sign-in\?token=\S+", said)
    assert found is not None and said.count("token=") == 1
    address = found[0]
    token = address.split("token=")[1]
    client = browser()
    assert (await client.get(address)).status_code == 200
    assert (await client.post("/console/sign-in", data={"token": token})).status_code == 303
    assert (await client.get("/console/")).status_code == 200
    again = await browser().post("/console/sign-in", data={"token": token})
    assert again.status_code == 403
    acts = {record.act: record.detail for record in await acts_of(service)}
    assert acts["link_made"] == acts["signed_in"] == {"way": "host"}


async def test_what_the_host_is_told(
    service: Service, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "12345 is not a listed operator" in await link("12345", status=1)
    for _ in range(5):
        await link(str(sandbox.operator.id))
    assert "Use the last one, or wait" in await link(str(sandbox.operator.id), status=1)
    monkeypatch.setenv("PICA_CONSOLE", "0")
    assert "PICA_CONSOLE" in await link(str(sandbox.operator.id), status=1)


async def test_with_nobody_listed_it_says_how(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PICA_SECRET_KEY", new_secret_key())
    monkeypatch.setenv("PICA_DATA_DIR", str(tmp_path / "empty"))
    upgraded = await asyncio.to_thread(CliRunner().invoke, app, ["db", "upgrade"])
    assert upgraded.exit_code == 0
    assert "PICA_OPERATORS" in await link("12345", status=1)


async def test_the_demo_s_link(
    service: Service, sandbox: Sandbox, browser: Callable[[], httpx.AsyncClient]
) -> None:
    address = await console_link(sandbox, service)
    token = address.split("token=")[1]
    answer = await browser().post("/console/sign-in", data={"token": token})
    assert answer.status_code == 303
