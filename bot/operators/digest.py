"""The digest: cases that need nobody at once, and falling moods; without words of people.

The first comes a while after something new, the next an hour later at the earliest; nothing new,
nothing said.
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
    """Tells operators of cases below level 3.

    Args:
        database: where cases are.
        messenger: words to operators.
        zone: in which times are shown.
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
        self._told_at: datetime | None = None

    async def send_due(self) -> bool:
        """Tell of what is new, if it is time; return whether something was told."""
        if not self._messenger.has_readers:
            return False
        now = self._database.now()
        async with self._database.read() as transaction:  # nothing is new as a rule
            fresh = await case_clocks.undigested(transaction, below=Level.ACTIVE)
            last_at = await case_clocks.last_digest_at(transaction)
            fallen = await settings.count_fallen(transaction)
        if not fresh and not fallen:
            return False
        if not fresh and self._told_at is not None and now < self._told_at + EVERY:
            return False
        if fresh and now < min(each.last_risk_at for each in fresh) + AFTER:
            return False
        if last_at is not None and last_at <= now < last_at + EVERY:
            return False
        async with self._database.begin() as transaction:
            await case_clocks.mark_digested(transaction, [each.case_id for each in fresh])
            fallen = await settings.mark_fallen_told(transaction)
            await self._messenger.post(transaction, self._text(fresh, fallen), silent=True)
        self._told_at = now
        return True

    def _text(self, fresh: list[Case], fallen: int) -> str:
        messenger = self._messenger
        lines = [messenger.text("digest", count=len(fresh))] if fresh else []
        lines += [self._line(case) for case in fresh[:MOST_LINES]]
        if len(fresh) > MOST_LINES:
            lines.append(messenger.text("digest_more", count=len(fresh) - MOST_LINES))
        if fallen:  # a trend is no case: how many, and not who
            lines.append(messenger.text("digest_fallen", count=fallen))
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
