"""What every test stands on."""

import logging
import os
import tempfile
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import settings

# The embedded PostgreSQL asks for a runtime folder, which a container has not.
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="pica-tests-"))

# `pytest --hypothesis-profile=thorough` looks longer than a suite has time for.
settings.register_profile("thorough")


@pytest.fixture
def logging_restored() -> Iterator[None]:
    """Logging is set up for the whole process: put it back after a test that does so."""
    root = logging.getLogger()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**configured)
