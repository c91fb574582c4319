"""The sweep that deletes expired rows and the topics of old cases."""

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.operators.announcements import OperatorMessenger
from bot.operators.topics import DELETE
from storage import Database
from storage.review import case_clocks
from storage.upkeep import retention

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RetentionSweep:
    """Delete expired rows in batches."""

    database: Database
    messenger: OperatorMessenger
    retention_days: int

    async def run(self) -> None:
        """Sweep until no expired row is left."""
        total: Counter[str] = Counter()
        while True:
            async with self.database.begin() as transaction:
                counts = await retention.sweep(transaction, turns_days=self.retention_days)
            total.update(counts)
            if not retention.is_more(counts):
                break
            await asyncio.sleep(0)
        await self._delete_topics()
        log.info("swept", **{name: count for name, count in total.items() if count})

    async def _delete_topics(self) -> None:
        """Delete the topics of old cases, before the rows that know them expire."""
        days = min(self.retention_days, retention.CASES_DAYS - 1)
        async with self.database.begin() as transaction:
            before = transaction.now - timedelta(days=days)
            for case_id in await case_clocks.topics_over(transaction, resolved_before=before):
                await self.messenger.post(transaction, "", case_id=case_id, topic=DELETE)
