"""What the tests of the safety floor share."""

from pathlib import Path

import pytest

from safety.response.hotlines import Hotlines
from safety.response.output_guard import OutputGuard
from safety.screening.screener import Screener


@pytest.fixture(scope="session")
def hotlines() -> Hotlines:
    return Hotlines.load()


@pytest.fixture(scope="session")
def guard(screener: Screener, hotlines: Hotlines) -> OutputGuard:
    return OutputGuard(lambda: screener, hotlines)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The development data beside the checkout; tests of figures need it."""
    folder = Path(__file__).resolve().parents[4] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the development data (../shared/data) is not here")
    return folder


@pytest.fixture
def labelled(shared: Path, tmp_path: Path) -> Path:
    """A folder of the files whose rows carry risk labels; others beside them do not."""
    for name in ("psysuicide", "sos-severity", "crisis-en", "everyday-zh"):
        file = shared / "safety" / f"{name}-dev.jsonl"
        (tmp_path / file.name).symlink_to(file)
    return tmp_path
