"""A real browser for the tests that look at pages: the system's Chromium, no download."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import AsyncIterator

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
]
# What the live stream says when a test stops its server before the page is closed.
_STREAM_ENDED = re.compile(r"^\[object Event\]$|net::ERR_(CONNECTION|INCOMPLETE|EMPTY)")
NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium_path() -> str | None:
    """PICA_CHROMIUM, or the first browser on the path."""
    named = os.environ.get("PICA_CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """A browser of its own for each test."""
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium on the path; install one or set PICA_CHROMIUM")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        await started.close()


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
