"""Logs hold no message text, no token and no name."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot import logs

TOKEN = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Logging is set up for the whole process: put it back."""
    root = logging.getLogger()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**configured)


def test_tokens_words_and_tracebacks_stay_out_of_logs() -> None:
    stream = io.StringIO()
    logs.configure("debug", stream=stream)
    logging.getLogger("httpx").info("GET https://api/bot%s/getMe", TOKEN)
    logging.getLogger("telegram.ext").error("Update(message=%s)", "planted secret")
    try:
        raise ValueError("planted secret")
    except ValueError:
        structlog.get_logger().error("failed", exc_info=True, url=f"x/bot{TOKEN}/y")
    seen = stream.getvalue()
    assert "planted" not in seen
    assert TOKEN not in seen
    assert '"error": "ValueError"' in seen
    assert "telegram.ext error" in seen


class Broken(io.StringIO):
    """A pipe that nobody reads, or a full disk."""

    def write(self, _text: str) -> int:
        raise BrokenPipeError

    def flush(self) -> None:
        raise OSError


@pytest.mark.parametrize("closed", [True, False])
def test_a_log_that_cannot_be_written_stops_nothing(closed: bool) -> None:
    stream = Broken()
    logs.configure("debug", stream=stream)
    if closed:
        stream.close()
    structlog.get_logger().warning("anything")
    logging.getLogger("telegram").error("anything")
