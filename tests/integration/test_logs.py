"""Logs hold no message text, no token and no name."""

import io
import logging

import structlog

from bot import logs

TOKEN = "123456789:AAEhBOweik6ad9r_QXMENQjcrGbqCr4K-bc"


def test_tokens_words_and_tracebacks_stay_out_of_logs() -> None:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configured = structlog.get_config()
    try:
        logs.configure("debug", stream=stream)
        logging.getLogger("httpx").info("GET https://api/bot%s/getMe", TOKEN)
        logging.getLogger("telegram.ext").error("Update(message=%s)", "planted secret")
        try:
            raise ValueError("planted secret")
        except ValueError:
            structlog.get_logger().error("failed", exc_info=True, url=f"x/bot{TOKEN}/y")
    finally:
        root.handlers[:], root.level = handlers, level
        structlog.configure(**configured)
    seen = stream.getvalue()
    assert "planted" not in seen
    assert TOKEN not in seen
    assert '"error": "ValueError"' in seen
    assert "telegram.ext error" in seen
