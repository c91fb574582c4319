"""Logs hold no message text, no token and no name."""

import io
import json
import logging

import pytest
import structlog

from bot import logs

TOKEN = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"


pytestmark = pytest.mark.usefixtures("logging_restored")


def test_tokens_words_and_tracebacks_stay_out_of_logs() -> None:
    stream = io.StringIO()
    logs.configure("debug", stream=stream)
    logging.getLogger("httpx").info("GET https://api/bot%s/getMe", TOKEN)
    logging.getLogger("telegram.ext").error("Update(message=%s)", "planted secret")
    logging.getLogger("inference.engine.engine").error("a request failed: %s", "RuntimeError")
    try:
        raise ValueError("planted secret")
    except ValueError:
        structlog.get_logger().error("failed", exc_info=True, url=f"x/bot{TOKEN}/y")
    seen = stream.getvalue()
    assert "planted" not in seen
    assert TOKEN not in seen
    assert '"error": "ValueError"' in seen
    assert "telegram.ext error" in seen
    assert "a request failed: RuntimeError" in seen
    assert all(json.loads(line)["level"] for line in seen.splitlines())


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
