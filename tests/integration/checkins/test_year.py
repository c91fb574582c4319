"""A part of a year on a real database, on every path; the benchmark does a whole one."""

import shutil
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.checkins_year import ACTS, Year
from storage import Vault
from storage.checkins.occurrences import CheckInState

AUTUMN = datetime(2027, 9, 20, 0, 7, tzinfo=UTC)  # clocks change in most of the zones


async def test_what_was_asked_is_what_a_plain_count_says(
    tmp_path: Path, sqlite_template: Path, vault: Vault
) -> None:
    shutil.copy(sqlite_template, tmp_path / "pica.db")
    url = f"sqlite:///{tmp_path / 'pica.db'}"
    year = Year(url, vault, people_count=20, start=AUTUMN, days=70, seed=8)
    async with aclosing(year.database):
        await year.live()
        assert await year.wrong() == []
        assert year.acts.keys() == ACTS.keys()
        states = {CheckInState.ASKED, CheckInState.ANSWERED, CheckInState.GOODBYE}
        reasons = {"late", "held", "quiet", "restraint", "asked_for"}
        assert year.summary().keys() >= states | reasons
        assert any(after_hold for _, _, after_hold in year.asked)
