"""Handlers for `/checkin`: its command, its buttons and a shared location."""

from collections.abc import Awaitable, Callable

from telegram import Update

from bot.checkins.language import zone_phrases
from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.settings.changes import SettingsDialog
from bot.checkins.settings.pages import PAUSES, unpacked
from bot.checkins.settings.phrases import PhraseHandler
from bot.crisis.unreadable import UnreadableHandler
from bot.updates.responder import HandlerContext, Responder, UnitOfWork, data_of, message_id
from storage.checkins.questions import QuestionTopic
from storage.companion.people import Person
from storage.messages.body import MessageBody

# Acts that edit the message with the button.
IN_PLACE = ("time", "days", "day", "hours", "hour", "back", "flag")


class CheckInHandlers:
    """Handle `/checkin`, its buttons and locations."""

    def __init__(
        self, answers: Responder, admits: Callable[[Person], bool], unreadable: UnreadableHandler
    ) -> None:
        self._answers = answers
        self._unreadable = unreadable
        self._changes = SettingsDialog(admits)
        self._typed = PhraseHandler(self._changes)

    async def on_checkin(self, update: Update, _context: HandlerContext) -> None:
        """Answer `/checkin` with the settings, or with the offer to choose times."""
        async with self._answers.open(update, "checkin") as answering:
            if answering is None:
                return
            if not answering.person.has_consented:
                await answering.say_text("checkin_needs_consent")
                return
            await answering.say(await self._changes.state(answering))

    async def on_button(self, update: Update, _context: HandlerContext) -> None:
        """Answer a button of the settings."""
        act, _, choice = data_of(update).partition(":")
        async with self._answers.open(update, "checkin") as answering:
            if answering is None or not answering.person.has_consented:
                return
            body = await self._act(answering, act, choice)
            if body is not None:
                await answering.say(body, edits=message_id(update) if act in IN_PLACE else None)

    async def _act(self, a: UnitOfWork, act: str, choice: str) -> MessageBody | None:
        """Carry out a button, or return None for one of an older version."""
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

    def _plain(self) -> dict[str, Callable[[UnitOfWork], Awaitable[MessageBody]]]:
        changes = self._changes
        return {
            "done": changes.done,
            "no": changes.refuse,
            "times": changes.choose,
            "hours": changes.hours,
            "back": changes.choose_on,
            "zones": changes.zones,
            "quiets": changes.ask_quiet,
            "pauses": changes.ask_pause,
            "skip": changes.skip,
            "resume": changes.resume,
            "stop": changes.stop,
            "withdraw": changes.withdraw,
        }

    async def _chosen(self, a: UnitOfWork, act: str, choice: str) -> MessageBody | None:
        """Carry out a button with a choice, or return None if the choice is not valid."""
        numbered = {
            "time": self._changes.toggle,
            "day": self._changes.day,
            "hour": self._changes.hour,
        }
        if act in numbered and _is_number(choice):
            return await numbered[act](a, int(choice))
        if act == "pick" and (wanted := unpacked(choice)):
            return await self._changes.times(a, wanted)
        if act == "zone" and zone_phrases.is_zone(choice):
            return await self._changes.zone(a, choice)
        if act == "pause" and _is_number(choice) and int(choice) in PAUSES:
            return await self._changes.pause(a, int(choice))
        if act == "quiet" and (choice == "none" or _quiet_hours(choice) is not None):
            return await self._changes.quiet(a, _quiet_hours(choice))
        return None

    async def on_location(self, update: Update, context: HandlerContext) -> None:
        """Take a shared location if the zone was asked for. Only the zone is kept."""
        if not await self._take_location(update):
            await self._unreadable.on_unreadable(update, context)

    async def _take_location(self, update: Update) -> bool:
        message = update.effective_message
        location = message.location if message else None
        is_answer = False
        async with self._answers.reading(update) as seen:
            if seen is not None and seen.person.has_consented:
                is_answer = await self._changes.asked(seen) is QuestionTopic.ZONE
        if not is_answer or location is None:
            return False
        async with self._answers.open(update, "checkin") as answering:
            if answering is None:
                return True
            name = zone_phrases.at_location(location.latitude, location.longitude)
            if name is None:
                await answering.say_text("checkin_zone_none")
            else:
                await answering.say(await self._changes.zone(answering, name))
        return True

    async def take(self, a: UnitOfWork, text: str) -> bool:
        """Take a message as the answer to an open question. Returns False if it is not one."""
        return await _said(a, await self._typed.answer(a, text))

    async def wish(self, a: UnitOfWork, text: str) -> bool:
        """Carry out a clear request in a check-in reply. Returns False if there was none."""
        return await _said(a, await self._typed.wish(a, text))


async def _said(a: UnitOfWork, body: MessageBody | None) -> bool:
    if body is not None:
        await a.say(body)
    return body is not None


def _quiet_hours(choice: str) -> QuietHours | None:
    """Return the hours of a button, or None if they are not valid."""
    start, _, end = choice.partition("-")
    if not (_is_number(start) and _is_number(end)):
        return None
    try:
        return QuietHours(int(start), int(end))
    except ValueError:
        return None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 6
