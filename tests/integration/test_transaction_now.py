"""The instant of a transaction, on both databases."""

import asyncio
from datetime import datetime, timedelta

import pytest

from storage import Database
from storage.companion import people
from tests.integration.cast import NOW
from tests.support.clock import ManualClock

HOUR = timedelta(hours=1)


async def test_all_rows_of_a_transaction_carry_its_instant(
    database: Database, clock: ManualClock[datetime]
) -> None:
    async with database.begin() as tx:
        first = await people.get_or_create(tx, 42, language="zh")
        clock.now += HOUR
        second = await people.get_or_create(tx, 43, language="zh")
    assert first.created_at == second.created_at == NOW
    assert database.now() == NOW + HOUR


async def test_readers_have_an_instant_too(
    database: Database, clock: ManualClock[datetime]
) -> None:
    async with database.read() as reader, database.snapshot() as snapshot:
        clock.now += HOUR
        assert reader.now == snapshot.now == NOW


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_writer_reads_the_clock_after_it_waited(
    database: Database, clock: ManualClock[datetime]
) -> None:
    async def instant() -> datetime:
        async with database.begin() as tx:
            return tx.now

    async with database.begin():
        waiting = asyncio.create_task(instant())
        await asyncio.sleep(0)
        clock.now += HOUR
    assert await waiting == NOW + HOUR
