"""Structured logs without message text, tokens or names.

Libraries that log request URLs (with the token in them) or whole updates are kept quiet. Anything
that looks like a token is removed. Errors are logged by type, without their arguments.
"""

import json
import logging
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import structlog
from structlog.types import EventDict

TOKEN = re.compile(r"(?<!\d)\d{5,}:[A-Za-z0-9_-]{20,}")
QUIET = ("httpx", "httpcore", "telegram", "sqlalchemy", "alembic", "uvicorn", "aiosqlite")


def _redact(_logger: Any, _name: str, event: EventDict) -> EventDict:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = TOKEN.sub("[token]", value)
    return event


def _error_by_type(_logger: Any, _name: str, event: EventDict) -> EventDict:
    error = event.pop("exc_info", None)
    if error:
        kind, _, trace = (
            sys.exc_info() if error is True else (type(error), None, error.__traceback__)
        )
        event["error"] = getattr(kind, "__name__", str(kind))
        where = []
        while trace:
            code = trace.tb_frame.f_code
            where.append(f"{code.co_filename.rsplit('/', 1)[-1]}:{trace.tb_lineno}")
            trace = trace.tb_next
        event["at"] = " ".join(where[-4:])
    return event


class _Lines(logging.Formatter):
    """Format records of the standard library as JSON lines.

    Libraries put users' data and URLs into their messages and tracebacks, so only their name and
    level are kept. The messages of `inference` never hold text.
    """

    def format(self, record: logging.LogRecord) -> str:
        event = f"{record.name} {record.levelname.lower()}"
        if record.name.split(".")[0] == "inference":
            event = record.getMessage()
        at = datetime.fromtimestamp(record.created, UTC).isoformat()
        level = record.levelname.lower()
        return json.dumps({"event": TOKEN.sub("[token]", event), "level": level, "timestamp": at})


class _Lossy:
    """A stream that loses a line, without an error, if its reader is gone or its disk is full."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def configure(level: str = "info", *, stream: Any = None) -> None:
    """Set up logging for the whole process, as JSON lines on standard error."""
    target = _Lossy(stream or sys.stderr)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _error_by_type,
            _redact,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.PrintLoggerFactory(file=cast(TextIO, target)),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(target)
    handler.setFormatter(_Lines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
