"""What every test stands on."""

import os
import tempfile

# The embedded PostgreSQL asks for a runtime folder, which a container has not.
os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="pica-tests-"))
