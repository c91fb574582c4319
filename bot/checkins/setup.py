"""`/checkin`: its command, its buttons, a shared location, and words that answer its questions.

Knows nothing of what a change does (`changes.py`), of the model, or of the check-ins themselves
(`taps.py`). Words are read only while a question of the last half hour is open, and only where
they plainly answer it; everything else is for the companion.
"""

from collections.abc import Awaitable, Callable

from telegram import Update
from telegram.ext import ContextTypes

from bot.answering import Answering, Answers, data_of, message_id
from bot.checkins import reading, wishes, zones
from bot.checkins.changes import PAUSE, QUIET, STATE, TIMES, ZONE, Changes
from bot.checkins.hours import options
from bot.checkins.pages import PAUSES, QUIET_HOURS, Pages, unpacked
from bot.checkins.quiet import Quiet
from bot.checkins.reading import Times, Unclear
from bot.checkins.schedule import MINUTES_A_DAY
from bot.checkins.tokens import Clock, PartOfDay, fold, tokens
from bot.checkins.wishes import Pause, Wish
from storage.outbox import Body
from storage.people import Person

Context = ContextTypes.DEFAULT_TYPE
LONGEST_ANSWER = 80
"""More letters than this are a message, not an answer to a question about times."""
QUIET_CHOICES = {f"{start}-{end}": Quiet(start, end) for start, end in QUIET_HOURS}
IN_PLACE = ("time", "days", "flag")
"""Acts that change the message with the button itself."""


class Setup:
    """The handlers."""

    def __init__(self, answers: Answers, admits: Callable[[Person], bool]) -> None:
        self._answers = answers
        self._texts = answers.texts
        self._pages = Pages(answers.texts)
        self._changes = Changes(self._pages, admits)

    async def on_checkin(self, update: Update, _context: Context) -> None:
        """`/checkin`: how check-ins stand, or the offer to choose times."""
        async with self._answers.open(update, "checkin") as answering:
            if answering is None:
                return
            if not answering.person.has_consented:
                text = self._texts(answering.person.language, "checkin_needs_consent")
                await answering.say(Body(text))
                return
            await answering.say(await self._changes.state(answering))

    async def on_button(self, update: Update, _context: Context) -> None:
        """A button of the settings."""
        act, _, choice = data_of(update).partition(":")
        async with self._answers.open(update, "checkin") as answering:
            if answering is None or not answering.person.has_consented:
                return
            body = await self._act(answering, act, choice)
            if body is not None:
                await answering.say(body, edits=message_id(update) if act in IN_PLACE else None)

    async def _act(self, a: Answering, act: str, choice: str) -> Body | None:
        """What a button does; None for one of an older version."""
        if act in (plain := self._plain()):
            return await plain[act](a)
        changes = self._changes
        if act == "yes":
            return await changes.agree(a, choice)
        if act == "days":
            return await changes.days(a, choice)
        if act == "flag":
            return await changes.flag(a, choice)
        return await self._chosen(a, act, choice)

    def _plain(self) -> dict[str, Callable[[Answering], Awaitable[Body]]]:
        changes = self._changes
        return {
            "done": changes.done,
            "no": changes.refuse,
            "times": changes.choose,
            "zones": changes.zones,
            "quiets": changes.ask_quiet,
            "pauses": changes.ask_pause,
            "skip": changes.skip,
            "resume": changes.resume,
            "stop": changes.stop,
            "withdraw": changes.withdraw,
        }

    async def _chosen(self, a: Answering, act: str, choice: str) -> Body | None:
        """A time, a zone, a number of days or quiet hours, where it is one."""
        if act == "time" and _is_number(choice):
            return await self._changes.toggle(a, int(choice))
        if act == "pick" and (wanted := unpacked(choice)):
            return await self._changes.times(a, wanted)
        if act == "zone" and zones.is_zone(choice):
            return await self._changes.zone(a, choice)
        if act == "pause" and _is_number(choice) and int(choice) in PAUSES:
            return await self._changes.pause(a, int(choice))
        if act == "quiet" and (choice == "none" or choice in QUIET_CHOICES):
            return await self._changes.quiet(a, QUIET_CHOICES.get(choice))
        return None

    async def on_location(self, update: Update) -> bool:
        """Take a shared location, where the zone was asked for; False where it was not.

        Nothing of it is kept but the zone.
        """
        message = update.effective_message
        location = message.location if message else None
        is_answer = False
        async with self._answers.reading(update) as reading_:
            if reading_ is not None and reading_.person.has_consented:
                is_answer = await self._changes.asked(reading_) == ZONE
        if not is_answer or location is None:
            return False
        async with self._answers.open(update, "checkin") as answering:
            if answering is None:
                return True
            name = zones.at_location(location.latitude, location.longitude)
            if name is None:
                text = self._texts(answering.person.language, "checkin_zone_none")
                await answering.say(Body(text))
            else:
                await answering.say(await self._changes.zone(answering, name))
        return True

    async def take(self, a: Answering, text: str) -> bool:
        """Take words as the answer to an open question; False: they are for the companion."""
        if len(text) > LONGEST_ANSWER:
            return False
        asks = await self._changes.asked(a)
        body = await self._answer(a, asks, text) if asks else None
        if body is None:
            return False
        await a.say(body)
        return True

    async def _answer(self, a: Answering, asks: str, text: str) -> Body | None:
        wish = wishes.read(f"{_PAUSE_WORDS[a.person.language]} {text}" if asks == PAUSE else text)
        if isinstance(wish, Pause) or (wish is not None and asks != PAUSE):
            return await self._wish(a, wish)
        if asks == ZONE:
            return await self._zone(a, text)
        if asks == QUIET:
            quiet = read_quiet(text)
            return await self._changes.quiet(a, quiet) if quiet else None
        return await self._times(a, text) if asks in (TIMES, STATE) else None

    async def wish(self, a: Answering, text: str) -> bool:
        """Do what words in answer to a check-in plainly want of check-ins; False: nothing."""
        wish = wishes.read(text) if len(text) <= LONGEST_ANSWER else None
        if wish is None or wish is Wish.RESUME:
            return False
        await a.say(await self._wish(a, wish))
        return True

    async def _wish(self, a: Answering, wish: Wish | Pause) -> Body:
        if isinstance(wish, Pause):
            return await self._changes.pause(a, wish.days)
        acts = {
            Wish.STOP: self._changes.stop,
            Wish.SKIP_TODAY: self._changes.skip,
            Wish.RESUME: self._changes.resume,
            Wish.PAUSE_HOW_LONG: self._changes.ask_pause,
        }
        return await acts[wish](a)

    async def _times(self, a: Answering, text: str) -> Body | None:
        read = reading.read(text)
        if isinstance(read, Times):
            return await self._changes.times(a, read.appointments, are_days_said=read.are_days_said)
        return self._pages.unclear(a.person.language, read) if isinstance(read, Unclear) else None

    async def _zone(self, a: Answering, text: str) -> Body | None:
        found = zones.find(text, a.now) or zones.by_clock(zones.clock_said(text), a.now)
        if not found:
            return None
        if len(found) == 1:
            return await self._changes.zone(a, found[0])
        return await self._changes.zones(a, found)


_PAUSE_WORDS = {"zh": "暂停", "en": "pause for"}


def read_quiet(text: str) -> Quiet | None:
    """Quiet hours in plain words, such as 22:00 到 8:00; None where they may mean several."""
    found, _rest = tokens(fold(text))
    # Beside a 22:00 an 8:00 is in the morning.
    is_24h = any(isinstance(token, Clock) and token.hour > 12 for token in found)
    part, minutes = None, []
    for token in found:
        if isinstance(token, PartOfDay):
            part = token.part
        elif isinstance(token, Clock):
            may_be = options(token, token.part or part)
            if len(may_be) > 1 and is_24h:
                may_be = (token.hour * 60 + token.minute,)
            if len(may_be) != 1:
                return None
            minutes.append(may_be[0] % MINUTES_A_DAY)
            part = None
    if len(minutes) != 2 or minutes[0] == minutes[1]:
        return None
    return Quiet(*minutes)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 6
