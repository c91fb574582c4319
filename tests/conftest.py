"""What every test stands on."""

import os
import tempfile

from hypothesis import settings

# The embedded PostgreSQL asks for a runtime folder, which a container has not.
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="pica-tests-"))

# `pytest --hypothesis-profile=thorough` looks longer than a suite has time for.
settings.register_profile("thorough")
