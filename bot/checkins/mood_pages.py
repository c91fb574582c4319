"""`/mood`: a person's own chart, by week, month or year, with their notes.

Knows nothing of how it is drawn (`chart.py`). Nobody but the person gets it.
"""

import asyncio
from collections.abc import Sequence
from datetime import date, timedelta
from statistics import fmean
from zoneinfo import ZoneInfo

from telegram import Update
from telegram.ext import ContextTypes

from bot.answering import Answering, Answers, data_of
from bot.checkins import chart
from bot.checkins.saying import clock
from storage import check_in_settings, check_ins
from storage.check_ins import CheckIn
from storage.outbox import Body, Document

Context = ContextTypes.DEFAULT_TYPE
PERIODS = {"week": 7, "month": 31, "year": 366}
MOST_NOTES = 60


class MoodPages:
    """The handlers."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._texts = answers.texts

    async def on_mood(self, update: Update, _context: Context) -> None:
        """`/mood`: the last week."""
        await self._show(update, "week")

    async def on_button(self, update: Update, _context: Context) -> None:
        """Another period."""
        await self._show(update, data_of(update))

    async def _show(self, update: Update, period: str) -> None:
        """Draw outside of any transaction that writes: it takes a moment."""
        picture: bytes | None = None
        found: list[CheckIn] = []
        since = until = date.min
        async with self._answers.reading(update) as seen:
            if seen is not None and period in PERIODS:
                until = await _today(seen)
                since = until - timedelta(days=PERIODS[period] - 1)
                found = await check_ins.moods(seen.transaction, seen.person.person_id, since=since)
                language = seen.person.language
        if any(each.answer and each.answer.mood for each in found):
            labels = chart.labels(self._texts, language, period)
            picture = await asyncio.to_thread(chart.draw, chart.points(found), since, until, labels)
        async with self._answers.open(update, "mood") as answering:
            if answering is None or period not in PERIODS:
                return
            buttons = self._buttons(answering.person.language, period)
            if picture is None:
                await answering.say(await self._nothing(answering, buttons))
                return
            caption = self._caption(answering.person.language, period, since, until, found)
            document = Document(f"mood-{period}.png", picture, is_picture=True)
            await answering.say(Body(caption, buttons, document))
            if notes := _notes(found):
                text = self._texts(answering.person.language, "chart_notes", notes=notes)
                await answering.say(Body(text))

    async def _nothing(self, a: Answering, buttons: list[list[tuple[str, str]]]) -> Body:
        language = a.person.language
        if not await check_ins.moods(a.transaction, a.person.person_id):
            return Body(self._texts(language, "chart_none"))
        return Body(self._texts(language, "chart_none_in"), buttons)

    def _buttons(self, language: str, shown: str) -> list[list[tuple[str, str]]]:
        return [
            [
                (self._texts(language, f"chart_{period}"), f"chart:{period}")
                for period in PERIODS
                if period != shown
            ]
        ]

    def _caption(
        self, language: str, period: str, since: date, until: date, found: Sequence[CheckIn]
    ) -> str:
        moods = [each for each in found if each.answer and each.answer.mood]
        lines = [
            self._texts(
                language,
                "chart_caption",
                period=self._texts(language, f"chart_{period}"),
                since=since.isoformat(),
                until=until.isoformat(),
                count=len(moods),
            )
        ]
        for name in ("sleep", "energy"):
            said = [getattr(each.answer, name) for each in found if getattr(each.answer, name)]
            if said:
                lines.append(self._texts(language, f"chart_{name}", mean=f"{fmean(said):.1f}"))
        return "\n".join(lines)


def _notes(found: Sequence[CheckIn]) -> str:
    noted = [each for each in found if each.answer is not None and each.answer.note]
    return "\n".join(
        f"{each.local_date:%m-%d} {clock(each.minute)} {each.answer.note}"
        for each in noted[-MOST_NOTES:]
        if each.answer is not None
    )


async def _today(a: Answering) -> date:
    """The date on the person's wall; in UTC where they have no zone (any more)."""
    settings = await check_in_settings.get(a.transaction, a.person.person_id)
    return a.now.astimezone(ZoneInfo(settings.zone)).date() if settings else a.now.date()
