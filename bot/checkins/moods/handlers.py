"""`/mood`: a person's own chart by week, month or year, with their notes.

Notes come one message at a time, newest first, because a year of them would be a flood.
"""

import asyncio
import re
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import fmean
from zoneinfo import ZoneInfo

from telegram import Update

from bot.checkins.moods import chart
from bot.checkins.settings.formatting import clock
from bot.transport.text_split import LIMIT, utf16_length
from bot.updates.responder import HandlerContext, Responder, UnitOfWork, data_of
from storage.checkins import occurrences
from storage.checkins import settings as check_in_settings
from storage.checkins.occurrences import CheckIn
from storage.messages.body import Document, Keyboard, MessageBody

PERIODS = {"week": 7, "month": 31, "year": 366}
OLDER = re.compile(r"older:(week|month|year):(\d{8})(\d{4})")


class MoodPages:
    """Handlers for `/mood` and its buttons."""

    def __init__(self, answers: Responder, retention_days: int) -> None:
        self._answers = answers
        self._days = retention_days
        self._texts = answers.texts

    async def on_mood(self, update: Update, _context: HandlerContext) -> None:
        """`/mood`: the last week."""
        await self._show(update, "week")

    async def on_button(self, update: Update, _context: HandlerContext) -> None:
        """Another period, or older notes."""
        found = OLDER.fullmatch(data_of(update))
        if found is None:
            await self._show(update, data_of(update))
            return
        async with self._answers.open(update, "mood") as answering:
            if answering is not None:
                await answering.say(await self._older(answering, found[1], found[2] + found[3]))

    async def _show(self, update: Update, period: str) -> None:
        """Show a period. The chart takes a moment, so no transaction is open while it is drawn."""
        picture: bytes | None = None
        found: list[CheckIn] = []
        since = until = date.min
        async with self._answers.reading(update) as seen:
            if seen is not None and period in PERIODS:
                until = await _today(seen)
                since = until - timedelta(days=PERIODS[period] - 1)
                found = await occurrences.moods(
                    seen.transaction, seen.person.person_id, since=since
                )
                language = seen.person.language
        if any(each.answer and each.answer.mood for each in found):
            labels = chart.labels(self._texts, language, period)
            picture = await asyncio.to_thread(chart.draw, chart.points(found), since, until, labels)
        async with self._answers.open(update, "mood") as answering:
            if answering is None or period not in PERIODS:
                return
            others = [other for other in PERIODS if other != period]
            buttons = [[(answering.text(f"chart_{other}"), f"chart:{other}") for other in others]]
            if picture is None:
                await answering.say(await self._nothing(answering, buttons))
            else:
                caption = self._caption(answering, period, since, until, found)
                document = Document(f"mood-{period}.png", picture, is_picture=True)
                await answering.say(MessageBody(caption, buttons, document))
            if notes := _noted(found):
                await answering.say(self._notes(answering, period, notes, until))

    async def _older(self, a: UnitOfWork, period: str, before: str) -> MessageBody:
        """The notes before the oldest that was shown."""
        until = await _today(a)
        since = until - timedelta(days=PERIODS[period] - 1)
        found = await occurrences.moods(a.transaction, a.person.person_id, since=since)
        notes = [each for each in _noted(found) if _key(each) < before]
        if not notes:
            return MessageBody(a.text("chart_no_older"))
        return self._notes(a, period, notes, until)

    def _notes(
        self, a: UnitOfWork, period: str, notes: Sequence[CheckIn], today: date
    ) -> MessageBody:
        """As many notes as one message holds, newest first, and a button for older ones."""
        lines = list[str]()
        size = utf16_length(a.text("chart_notes", notes=""))
        for each in notes:
            line = _line(each, today)
            size += utf16_length(line) + 1
            if lines and size > LIMIT:
                break
            lines.append(line)
        text, shown = a.text("chart_notes", notes="\n".join(lines)), len(lines)
        if shown == len(notes):
            return MessageBody(text)
        key = _key(notes[shown - 1])
        return MessageBody(text, [[(a.text("chart_older"), f"chart:older:{period}:{key}")]])

    @staticmethod
    async def _nothing(a: UnitOfWork, buttons: Keyboard) -> MessageBody:
        if not await occurrences.moods(a.transaction, a.person.person_id):
            return MessageBody(a.text("chart_none"))
        return MessageBody(a.text("chart_none_in"), buttons)

    def _caption(
        self, a: UnitOfWork, period: str, since: date, until: date, check_ins: Sequence[CheckIn]
    ) -> str:
        moods = [each for each in check_ins if each.answer and each.answer.mood]
        lines = [
            a.text(
                "chart_caption",
                period=a.text(f"chart_{period}"),
                since=since.isoformat(),
                until=until.isoformat(),
                count=len(moods),
            )
        ]
        for name in ("sleep", "energy"):
            numbers = [number for each in check_ins if (number := getattr(each.answer, name))]
            if numbers:
                lines.append(a.text(f"chart_{name}", mean=f"{fmean(numbers):.1f}"))
        if self._days < PERIODS[period]:
            lines.append(a.text("chart_kept", days=self._days))
        return "\n".join(lines)


def _noted(found: Sequence[CheckIn]) -> list[CheckIn]:
    """Answers with a note, newest first."""
    return [each for each in reversed(found) if each.answer is not None and each.answer.note]


def _key(noted: CheckIn) -> str:
    """Where a note stands in time; the later, the greater."""
    return f"{noted.local_date:%Y%m%d}{noted.minute:04d}"


def _line(noted: CheckIn, today: date) -> str:
    assert noted.answer is not None
    day = (
        f"{noted.local_date:%m-%d}"
        if noted.local_date.year == today.year
        else f"{noted.local_date}"
    )
    return f"{day} {clock(noted.minute)} {noted.answer.note}"


async def _today(a: UnitOfWork) -> date:
    """The person's local date, or the date in UTC without a zone."""
    settings = await check_in_settings.get(a.transaction, a.person.person_id)
    now = a.transaction.now
    return now.astimezone(ZoneInfo(settings.zone)).date() if settings else now.date()
