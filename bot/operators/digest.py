"""The digest: one silent message about new cases of level 2 and falling moods.

It quotes no person, comes a while after the first new case, and at most once an hour.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.operators.announcements import OperatorMessenger
from safety.screening.levels import Level
from storage import Database
from storage.checkins import settings
from storage.review import case_clocks
from storage.review.cases import Case

AFTER = timedelta(minutes=15)
EVERY = timedelta(hours=1)
MOST_LINES = 40


class Digest:
    """Sends the digest.

    Args:
        database: the database.
        messenger: posts the digest.
        zone: the time zone in which times are shown.
    """

    def __init__(
        self,
        *,
        database: Database,
        messenger: OperatorMessenger,
        zone: ZoneInfo,
    ) -> None:
        self._database = database
        self._messenger = messenger
        self._zone = zone
        self._sent_at: datetime | None = None

    async def send_due(self) -> bool:
        """Send the digest if one is due, and return whether it was sent."""
        if not self._messenger.has_readers:
            return False
        now = self._database.now()
        async with self._database.read() as transaction:  # usually nothing is new
            new_cases = await case_clocks.undigested(transaction, below=Level.ACTIVE)
            last_at = await case_clocks.last_digest_at(transaction)
            falling = await settings.count_fallen(transaction)
        if not new_cases and not falling:
            return False
        if not new_cases and self._sent_at is not None and now < self._sent_at + EVERY:
            return False
        if new_cases and now < min(case.last_risk_at for case in new_cases) + AFTER:
            return False
        if last_at is not None and last_at <= now < last_at + EVERY:
            return False
        async with self._database.begin() as transaction:
            await case_clocks.mark_digested(transaction, [case.case_id for case in new_cases])
            falling = await settings.mark_fallen_told(transaction)
            await self._messenger.post(transaction, self._text(new_cases, falling), silent=True)
        self._sent_at = now
        return True

    def _text(self, new_cases: list[Case], falling: int) -> str:
        messenger = self._messenger
        lines = [messenger.text("digest", count=len(new_cases))] if new_cases else []
        lines += [self._line(case) for case in new_cases[:MOST_LINES]]
        if len(new_cases) > MOST_LINES:
            lines.append(messenger.text("digest_more", count=len(new_cases) - MOST_LINES))
        if falling:  # a trend is not a case, so only the number is shown
            lines.append(messenger.text("digest_fallen", count=falling))
        return "\n".join(lines)

    def _line(self, case: Case) -> str:
        since = case.opened_at.astimezone(self._zone)
        return self._messenger.text(
            "digest_line",
            case=case.case_id,
            level=case.level,
            categories=self._messenger.categories(case),
            since=f"{since:%m-%d %H:%M}",
        )
