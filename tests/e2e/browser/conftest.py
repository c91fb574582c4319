"""A real browser for the tests that look at pages: the system's Chromium, no download."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # What Playwright starts a browser with, as far as tests see it.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--disable-dev-shm-usage",
    "--force-color-profile=srgb",
    "--hide-scrollbars",
]
# What the live stream says when a test stops its server before the page is closed.
_STREAM_ENDED = re.compile(r"^\[object Event\]$|net::ERR_(CONNECTION|INCOMPLETE|EMPTY)")
NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium_path() -> str | None:
    """PICA_CHROMIUM, or the first browser on the path."""
    named = os.environ.get("PICA_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where the browser of all tests of this process is spoken to: a start takes a second."""
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium on the path; install one or set PICA_CHROMIUM")
    profile = tmp_path_factory.mktemp("chromium")
    started = subprocess.Popen(
        [path, *ARGUMENTS, "--remote-debugging-port=0", f"--user-data-dir={profile}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield _address(profile / "DevToolsActivePort")
    finally:
        started.terminate()
        started.wait(20)


def _address(file: Path) -> str:
    """What the browser writes down once it listens."""
    for _ in range(600):
        lines = file.read_text("utf-8").split() if file.exists() else []
        if len(lines) == 2:
            return f"ws://127.0.0.1:{lines[0]}{lines[1]}"
        time.sleep(0.1)
    raise TimeoutError("Chromium did not start within a minute")


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """The browser, with nothing of other tests in it."""
    async with async_playwright() as playwright:
        connected = await playwright.chromium.connect_over_cdp(chromium)
        yield connected
        for context in connected.contexts[1:]:  # the first is the browser's own
            await context.close()
        await connected.close()


@pytest.fixture
async def page(browser: Browser) -> AsyncIterator[Page]:
    """A page that fails its test on any console error, broken script or policy violation."""
    context = await browser.new_context(locale="en-GB", viewport={"width": 1360, "height": 820})
    opened = await context.new_page()
    troubles: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not _STREAM_ENDED.search(message.text):
            troubles.append(message.text)

    opened.on("console", listen)
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    yield opened
    await context.close()
    assert troubles == []
