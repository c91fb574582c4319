"""The dialog of the settings: the changes by buttons and messages, and the page after each.

The open question and the choice so far are a row, so that a restart continues there. A message
answers the question for a while, a button as long as it is the last question. An older button says
that it is out of date.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.checkins.language.time_phrases import MOST_TIMES
from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.rules.schedule import MINUTES_A_DAY, Appointment, merged
from bot.checkins.settings import formatting, pages, service, status
from bot.checkins.settings.pages import appointments_of, mark
from bot.checkins.settings.service import QuietHoursError
from bot.updates.responder import UnitOfWork
from storage.checkins import questions
from storage.checkins import settings as check_in_settings
from storage.checkins.questions import QuestionTopic, TimesDraft
from storage.checkins.settings import SettingsChange
from storage.companion.open_questions import STAYS_OPEN
from storage.companion.people import Person
from storage.messages.body import MessageBody

# How long a question waits for a message. Later ones are for the companion.


@dataclass(frozen=True, slots=True)
class SettingsDialog:
    """Carry out changes. Each method returns the page that follows.

    Attributes:
        admits: returns whether the companion talks with a person.
    """

    admits: Callable[[Person], bool]

    async def state(self, a: UnitOfWork, above: str = "") -> MessageBody:
        """Show the settings, or the choice of times if there are none."""
        view = await status.status_of(a.transaction, a.person, self.admits)
        if view is None:
            return await self.choose(a, above)
        await self._ask(a, QuestionTopic.STATE, TimesDraft())
        return pages.state(a.text, view, a.transaction.now, above)

    async def choose(self, a: UnitOfWork, above: str = "") -> MessageBody:
        """Begin to choose times, from those agreed on or chosen before."""
        draft = await self._agreed(a)
        if not draft.times:
            draft = await self.draft(a) or draft
        return await self._choosing(a, draft, above)

    async def choose_on(self, a: UnitOfWork, above: str = "") -> MessageBody:
        """Continue to choose times, from those chosen or else those agreed on."""
        draft = await self.draft(a)
        if draft is None or not draft.times:
            draft = await self._agreed(a)
        return await self._choosing(a, draft, above)

    async def toggle(self, a: UnitOfWork, minute: int) -> MessageBody | None:
        """Add a time, or take it off again."""
        if not 0 <= minute < MINUTES_A_DAY:
            return None
        draft = await self.draft(a)
        if draft is None:
            return await self._gone(a)
        kept = [(at, days) for at, days in draft.times if at != minute]
        above = ""
        if len(kept) == len(draft.times):
            if len(kept) >= MOST_TIMES:
                above = a.text("checkin_too_many")
            else:
                kept.append((minute, draft.days))
        draft.times = kept
        return await self._choosing(a, draft, above)

    async def days(self, a: UnitOfWork, name: str) -> MessageBody | None:
        """Set the days of every time by a name such as `work`."""
        draft = await self.draft(a)
        if draft is None:
            return await self._gone(a)
        if name not in formatting.DAYS:
            return None
        return await self._with_days(a, draft, Appointment(formatting.DAYS[name], 0).mask)

    async def day(self, a: UnitOfWork, day: int) -> MessageBody | None:
        """Add a day to every time, or take it off. The last day stays."""
        draft = await self.draft(a)
        if draft is None:
            return await self._gone(a)
        days = draft.days ^ 1 << day
        return await self._with_days(a, draft, days) if 0 <= day < 7 and days else None

    async def _with_days(self, a: UnitOfWork, draft: TimesDraft, days: int) -> MessageBody:
        draft.days = days
        draft.times = [(minute, days) for minute, _days in draft.times]
        return await self._choosing(a, draft)

    async def hours(self, a: UnitOfWork) -> MessageBody:
        """Show the hours, for a time that is not usual."""
        return pages.hours(a.text)

    async def hour(self, a: UnitOfWork, hour: int) -> MessageBody | None:
        """Show the times within an hour."""
        return pages.minutes(a.text, hour) if 0 <= hour < 24 else None

    async def done(self, a: UnitOfWork) -> MessageBody:
        """Take the chosen times."""
        draft = await self.draft(a)
        if draft is None:
            return await self._gone(a)
        if not draft.times:
            above = a.text("checkin_choose_first")
            return await self._choosing(a, draft, above)
        return await self.times(a, appointments_of(draft))

    async def times(
        self, a: UnitOfWork, wanted: Iterable[Appointment], *, are_days_said: bool = True
    ) -> MessageBody:
        """Set these times. Without an agreement, go on to the zone."""
        wanted = merged(wanted)
        note = "" if are_days_said else a.text("checkin_every_day")
        try:
            settings = await service.set_appointments(a.transaction, a.person.person_id, wanted)
        except QuietHoursError as error:
            return self._refused(a, error)
        if settings is not None:
            if settings.stopped_at is not None:
                kept = a.text("checkin_kept_stopped")
                note = f"{note}\n{kept}" if note else kept
            return await self.state(a, note)
        draft = TimesDraft([(appointment.minute, appointment.mask) for appointment in wanted])
        await self._ask(a, QuestionTopic.ZONE, draft)
        body = pages.zone(a.text, a.person.region, a.transaction.now)
        return MessageBody(f"{note}\n{body.text}" if note else body.text, body.buttons)

    async def zones(self, a: UnitOfWork, named: tuple[str, ...] = ()) -> MessageBody:
        """Ask for the zone, or which of the named ones it is."""
        draft = await self.draft(a) or TimesDraft()
        await self._ask(a, QuestionTopic.ZONE, draft)
        return pages.zone(a.text, a.person.region, a.transaction.now, named)

    async def zone(self, a: UnitOfWork, name: str) -> MessageBody:
        """Set a zone. Without an agreement, go on to the consent."""
        if await service.set_zone(a.transaction, a.person.person_id, name) is not None:
            return await self.state(a)
        draft = await self.draft(a)
        if draft is None or not draft.times:
            return await self._gone(a)
        draft.zone = name
        await self._ask(a, QuestionTopic.ZONE, draft)
        return pages.agree(a.text, draft, a.transaction.now)

    async def agree(self, a: UnitOfWork, marked: str = "") -> MessageBody:
        """Begin check-ins, and record the consent to exactly the text above the button."""
        draft = await self.draft(a)
        if draft is None or not draft.times or draft.zone is None:
            is_on = await check_in_settings.get(a.transaction, a.person.person_id) is not None
            return await (self.state(a) if is_on else self._gone(a))  # pressed twice, or too late
        if marked != mark(draft):
            above = a.text("checkin_draft_changed")
            return pages.agree(a.text, draft, a.transaction.now, above)
        try:
            await service.begin(
                a.transaction, a.person.person_id, zone=draft.zone, wanted=appointments_of(draft)
            )
        except QuietHoursError as error:
            return self._refused(a, error)
        return await self.state(a)

    async def refuse(self, a: UnitOfWork) -> MessageBody:
        """End the dialog without check-ins."""
        await questions.close(a.transaction, a.person.person_id)
        return MessageBody(a.text("checkin_agreed_not"))

    async def ask_quiet(self, a: UnitOfWork) -> MessageBody:
        """Ask for quiet hours."""
        await self._ask(a, QuestionTopic.QUIET, TimesDraft())
        return pages.quiet(a.text)

    async def quiet(self, a: UnitOfWork, quiet: QuietHours | None) -> MessageBody:
        """Set or clear quiet hours."""
        silent = await service.set_quiet(a.transaction, a.person.person_id, quiet)
        above = ""
        if silent:
            times = ", ".join(formatting.clock(appointment.minute) for appointment in silent)
            above = a.text("checkin_quiet_silences", times=times)
        return await self.state(a, above)

    async def ask_pause(self, a: UnitOfWork) -> MessageBody:
        """Ask for the length of a pause."""
        await self._ask(a, QuestionTopic.PAUSE, TimesDraft())
        return pages.pause(a.text)

    async def pause(self, a: UnitOfWork, days: int) -> MessageBody:
        """Pause check-ins for some days."""
        until_at = a.transaction.now + timedelta(days=days)
        await service.pause(a.transaction, a.person.person_id, until_at=until_at)
        return await self.state(a)

    async def skip(self, a: UnitOfWork) -> MessageBody:
        """Skip the rest of today."""
        skipped = await service.skip_today(a.transaction, a.person.person_id)
        key = "checkin_skipped" if skipped else "checkin_skipped_none"
        return await self.state(a, a.text(key))

    async def resume(self, a: UnitOfWork) -> MessageBody:
        """Resume after a pause, a stop, a goodbye or a skip."""
        if await service.resume(a.transaction, a.person.person_id) is None:
            return await self.choose(a)
        return await self.state(a, a.text("checkin_resumed"))

    async def stop(self, a: UnitOfWork) -> MessageBody:
        """End check-ins at once."""
        await service.stop(a.transaction, a.person.person_id)
        await questions.close(a.transaction, a.person.person_id)
        return pages.stopped(a.text)

    async def withdraw(self, a: UnitOfWork) -> MessageBody:
        """Delete settings and consent, but not the moods."""
        await check_in_settings.withdraw(a.transaction, a.person.person_id)
        await questions.close(a.transaction, a.person.person_id)
        return MessageBody(a.text("checkin_withdrawn"))

    async def flag(self, a: UnitOfWork, name: str) -> MessageBody | None:
        """Switch a question, or the weekly summary, on or off."""
        person_id = a.person.person_id
        settings = await check_in_settings.get(a.transaction, person_id, lock=True)
        if settings is None:
            return None
        values: SettingsChange
        if name == "asks_sleep":
            values = {"asks_sleep": not settings.asks_sleep}
        elif name == "asks_energy":
            values = {"asks_energy": not settings.asks_energy}
        elif name == "weekly_summary":
            values = {"weekly_summary": not settings.weekly_summary}
            if values["weekly_summary"]:  # the first comes when a week is over
                local = a.transaction.now.astimezone(ZoneInfo(settings.zone))
                values["summarised_on"] = local.date()
        else:
            return None
        await check_in_settings.change(a.transaction, person_id, **values)
        return await self.state(a)

    async def draft(self, a: UnitOfWork) -> TimesDraft | None:
        """Return the choice so far, or None if another question came after it."""
        question = await questions.get(a.transaction, a.person.person_id)
        if question is None or question.topic not in (QuestionTopic.TIMES, QuestionTopic.ZONE):
            return None
        return question.draft

    async def _gone(self, a: UnitOfWork) -> MessageBody:
        """Say that the choice of an old page is gone."""
        return await self.choose(a, a.text("checkin_draft_gone"))

    @staticmethod
    async def _agreed(a: UnitOfWork) -> TimesDraft:
        agreed = await service.upcoming(a.transaction, a.person.person_id)
        times = [(appointment.minute, appointment.mask) for appointment, _ in agreed]
        masks = {days for _, days in times}
        return TimesDraft(times, masks.pop()) if len(masks) == 1 else TimesDraft(times)

    async def _choosing(self, a: UnitOfWork, draft: TimesDraft, above: str = "") -> MessageBody:
        await self._ask(a, QuestionTopic.TIMES, draft)
        return pages.choose(a.text, draft, above)

    async def asked(self, a: UnitOfWork) -> QuestionTopic | None:
        """Return the topic that a message may answer, or None if it was asked too long ago."""
        since = a.transaction.now - STAYS_OPEN
        question = await questions.get(a.transaction, a.person.person_id, since=since)
        return question.topic if question else None

    async def _ask(self, a: UnitOfWork, asks: QuestionTopic, draft: TimesDraft) -> None:
        await questions.put(a.transaction, a.person.person_id, asks, draft)

    def _refused(self, a: UnitOfWork, error: QuietHoursError) -> MessageBody:
        return pages.refused(a.text, [appointment.minute for appointment in error.refused])
