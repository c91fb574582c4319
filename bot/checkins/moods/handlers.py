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
    """Handle `/mood` and its buttons."""

    def __init__(self, answers: Responder, retention_days: int) -> None:
        self._answers = answers
        self._days = retention_days
        self._texts = answers.texts

    async def on_mood(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/mood` with the last week."""
        await self._show(update, "week")

    async def on_button(self, update: Update, _context: HandlerContext) -> None:
        """Show another period, or older notes."""
        older = OLDER.fullmatch(data_of(update))
        if older is None:
            await self._show(update, data_of(update))
            return
        async with self._answers.open(update, "mood") as answering:
            if answering is not None:
                await answering.say(await self._older(answering, older[1], older[2] + older[3]))

    async def _show(self, update: Update, period: str) -> None:
        """Show a period. The chart takes a moment, so no transaction is open while it is drawn."""
        picture: bytes | None = None
        check_ins: list[CheckIn] = []
        since = until = date.min
        async with self._answers.reading(update) as seen:
            if seen is not None and period in PERIODS:
                until = await _today(seen)
                since = until - timedelta(days=PERIODS[period] - 1)
                check_ins = await occurrences.moods(
                    seen.transaction, seen.person.person_id, since=since
                )
                language = seen.person.language
        if _moods(check_ins):
            labels = chart.labels(self._texts, language, period)
            picture = await asyncio.to_thread(
                chart.draw, chart.points(check_ins), since, until, labels
            )
        async with self._answers.open(update, "mood") as answering:
            if answering is None or period not in PERIODS:
                return
            others = [other for other in PERIODS if other != period]
            buttons = [[(answering.text(f"chart_{other}"), f"chart:{other}") for other in others]]
            if picture is None:
                await answering.say(await self._nothing(answering, buttons))
            else:
                caption = self._caption(answering, period, since, until, check_ins)
                document = Document(f"mood-{period}.png", picture, is_picture=True)
                await answering.say(MessageBody(caption, buttons, document))
            if notes := _noted(check_ins):
                await answering.say(self._notes(answering, period, notes, until))

    async def _older(self, a: UnitOfWork, period: str, before: str) -> MessageBody:
        """Return the notes before the oldest that was shown."""
        until = await _today(a)
        since = until - timedelta(days=PERIODS[period] - 1)
        check_ins = await occurrences.moods(a.transaction, a.person.person_id, since=since)
        notes = [note for note in _noted(check_ins) if _key(note) < before]
        if not notes:
            return MessageBody(a.text("chart_no_older"))
        return self._notes(a, period, notes, until)

    def _notes(
        self, a: UnitOfWork, period: str, notes: Sequence[CheckIn], today: date
    ) -> MessageBody:
        """Return the notes that one message holds, newest first, and a button for older ones."""
        lines = list[str]()
        size = utf16_length(a.text("chart_notes", notes=""))
        for note in notes:
            line = _line(note, today)
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
        lines = [
            a.text(
                "chart_caption",
                period=a.text(f"chart_{period}"),
                since=since.isoformat(),
                until=until.isoformat(),
                count=len(_moods(check_ins)),
            )
        ]
        for name in ("sleep", "energy"):
            numbers = [number for one in check_ins if (number := getattr(one.answer, name))]
            if numbers:
                lines.append(a.text(f"chart_{name}", mean=f"{fmean(numbers):.1f}"))
        if self._days < PERIODS[period]:
            lines.append(a.text("chart_kept", days=self._days))
        return "\n".join(lines)


def _moods(check_ins: Sequence[CheckIn]) -> list[CheckIn]:
    """Return the check-ins that were answered with a mood."""
    return [check_in for check_in in check_ins if check_in.answer and check_in.answer.mood]


def _noted(check_ins: Sequence[CheckIn]) -> list[CheckIn]:
    """Return the check-ins with a note, newest first."""
    return [
        check_in for check_in in reversed(check_ins) if check_in.answer and check_in.answer.note
    ]


def _key(noted: CheckIn) -> str:
    """Return a key that orders notes by time."""
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
    """Return the person's local date, or the date in UTC without a zone."""
    settings = await check_in_settings.get(a.transaction, a.person.person_id)
    now = a.transaction.now
    return now.astimezone(ZoneInfo(settings.zone)).date() if settings else now.date()
