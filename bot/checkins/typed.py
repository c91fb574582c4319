"""Words that answer a question about check-ins, or ask something of them.

Knows nothing of Telegram or buttons (`setup.py`), nor of what a change does (`changes.py`). Words
are taken only where a closed grammar accounts for every one of them. Stop, skip and pause are
done at once, and what is shown then has a button back. Times are done at once only where they
were asked for and are plain; everything else comes back with buttons. Few words that look like an
answer and are none get the question again; all others are for the companion.
"""

from bot.answering import Answering
from bot.checkins import attempts, diary, quiet_reading, reading, wishes, zones
from bot.checkins.altering import altered
from bot.checkins.changes import PAUSE, QUIET, STATE, TIMES, ZONE, Changes
from bot.checkins.pages import Pages, appointments_of
from bot.checkins.reading import Change, Times, Unclear, Why
from bot.checkins.schedule import Appointment
from bot.checkins.wishes import Pause, Wish
from storage import check_in_settings
from storage.body import Body
from storage.check_in_questions import Draft

LONGEST_ANSWER = 80
"""More letters than this are a message, not an answer to a question about times."""


class Typed:
    """One method for each question, and one for words in answer to a check-in."""

    def __init__(self, pages: Pages, changes: Changes) -> None:
        self._pages = pages
        self._texts = pages.texts
        self._changes = changes

    async def answer(self, a: Answering, text: str, *, is_calm: bool = True) -> Body | None:
        """What words mean for the open question; None: they are for the companion.

        Args:
            a: whose words, and when.
            text: the words.
            is_calm: nothing in them is distress; without that no question is put again.
        """
        asks = await self._changes.asked(a) if len(text) <= LONGEST_ANSWER else None
        if asks is None:
            return None
        if asks in (TIMES, STATE):
            body = await self._wished(a, asks, text) or await self._times(a, asks, text)
        elif asks == QUIET:
            body = await self._quiet(a, text)
        elif asks == PAUSE:
            length = wishes.read_length(text)
            body = await self._do(a, length) if length else await self._wished(a, asks, text)
        elif asks == ZONE:
            body = await self._wished(a, asks, text) or await self._zone(a, text)
        else:
            return None
        return body or (await self._again(a, asks, text) if is_calm else None)

    async def wish(self, a: Answering, text: str) -> Body | None:
        """What words in answer to a check-in unmistakably want of check-ins."""
        wish = wishes.read(text, is_plain=True) if len(text) <= LONGEST_ANSWER else None
        return await self._do(a, wish) if wish is not None else None

    async def _wished(self, a: Answering, asks: str, text: str) -> Body | None:
        wish = wishes.read(text)
        if wish is None:
            return None
        if asks != STATE and wishes.is_cancel(text):  # the question, or check-ins? Only the first
            is_agreed = await check_in_settings.get(a.transaction, a.person.person_id) is not None
            return await (self._changes.state if is_agreed else self._changes.refuse)(a)
        return await self._do(a, wish)

    async def _do(self, a: Answering, wish: Wish | Pause) -> Body:
        if isinstance(wish, Pause):
            return await self._changes.pause(a, wish.days)
        acts = {
            Wish.STOP: self._changes.stop,
            Wish.SKIP_TODAY: self._changes.skip,
            Wish.RESUME: self._changes.resume,
            Wish.PAUSE_HOW_LONG: self._changes.ask_pause,
        }
        return await acts[wish](a)

    async def _quiet(self, a: Answering, text: str) -> Body | None:
        found = quiet_reading.read(text)
        if len(found) == 1:
            return await self._changes.quiet(a, found[0])
        if found:
            return self._pages.quiet(a.person.language, found)
        if quiet_reading.is_none(text):
            return await self._changes.quiet(a, None)
        return await self._wished(a, QUIET, text)

    async def _times(self, a: Answering, asks: str, text: str) -> Body | None:
        if quiet_reading.says_not_to_ask(text) and (hours := quiet_reading.read(text)):
            return self._pages.quiet(a.person.language, hours)
        is_asked = asks == TIMES
        place: tuple[str, ...] = ()
        read = reading.read(text, is_asked=is_asked)
        if read is None:
            beside, place = zones.beside(text, a.now)
            read = reading.read(beside, is_asked=is_asked) if place else None
        if isinstance(read, Change):
            read = altered(read, await self._present(a))
        if read is None:
            return None
        if place:
            return await self._times_there(a, read, place)
        if isinstance(read, Times) and is_asked:
            return await self._changes.times(a, read.appointments, are_days_said=read.are_days_said)
        return self._pages.unclear(a.person.language, _to_confirm(read))

    async def _times_there(
        self, a: Answering, read: Times | Unclear, place: tuple[str, ...]
    ) -> Body:
        """Times by the clock of a place: the place is never left out unsaid."""
        settings = await check_in_settings.get(a.transaction, a.person.person_id)
        if settings is None and isinstance(read, Times):
            await self._changes.times(a, read.appointments)
            return await self._changes.zones(a, place)
        is_known = settings is None or settings.zone in place
        found = _to_confirm(read) if is_known else Unclear(Why.UNCLEAR)
        return self._pages.unclear(a.person.language, found)

    async def _present(self, a: Answering) -> list[Appointment]:
        """The times that a change is about: those being chosen, else those agreed."""
        chosen = appointments_of(await self._changes.draft(a) or Draft())
        agreed = await diary.upcoming(a.transaction, a.person.person_id)
        return chosen or [appointment for appointment, _ in agreed]

    async def _zone(self, a: Answering, text: str) -> Body | None:
        found = zones.find(text, a.now)
        is_agreed = await check_in_settings.get(a.transaction, a.person.person_id) is not None
        if len(found) == 1 and not is_agreed:  # the consent comes next, and shows it
            return await self._changes.zone(a, found[0])
        minutes = zones.clock_said(text) if not found else ()
        found = found or zones.by_clock(minutes, a.now)
        if found:
            return await self._changes.zones(a, found)
        return None if minutes else await self._times(a, ZONE, text)

    async def _again(self, a: Answering, asks: str, text: str) -> Body | None:
        """The question once more, where the words look like an answer to it."""
        if asks == ZONE:
            found = zones.near(text)
            if not (found or attempts.is_about_place(text) or attempts.is_about_time(text)):
                return None
            body = await self._changes.zones(a, found)
        elif asks != STATE and attempts.is_about_time(text):
            draft = await self._changes.draft(a) or Draft()
            body = {
                TIMES: lambda: self._pages.choose(a.person.language, draft),
                QUIET: lambda: self._pages.quiet(a.person.language),
                PAUSE: lambda: self._pages.pause(a.person.language),
            }[asks]()
        else:
            return None
        return Body(f"{self._texts(a.person.language, 'checkin_again')}\n{body.text}", body.buttons)


def _to_confirm(read: Times | Unclear) -> Unclear:
    return read if isinstance(read, Unclear) else Unclear(Why.IS_THIS, (read.appointments,))
