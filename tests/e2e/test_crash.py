"""`kill -9` while people talk, check-ins come due and a backup runs; a benchmark does it longer."""

from pathlib import Path

from benchmarks import crash


async def test_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    counts = await crash.run(
        kills=1,
        people_count=3,
        seed=3,
        backup=True,
        folder=tmp_path,
        quiet=True,
        backups_apart_s=12,
    )
    assert counts.said > 0
    assert counts.holds, counts
    assert counts.check_ins.due >= 3  # one a person and minute
    assert counts.check_ins.asked >= counts.check_ins.due - counts.check_ins.unknown
    assert counts.backups > 0
    assert counts.rows_restored > 0
