"""Messages that answer a question about check-ins, or request a change of them.

A closed grammar must account for every word. A stop, a skip or a pause happens at once, and the
next page has a button back. Times are set at once only if they were asked for and are plain. Other
times bring buttons and change nothing. All other messages are for the companion.
"""

from bot.checkins.language import quiet_phrases, request_phrases, time_phrases, zone_phrases
from bot.checkins.language.request_phrases import Pause, Request
from bot.checkins.language.time_phrases import AmbiguityReason, Ambiguous, ParsedTimes
from bot.checkins.settings import pages
from bot.checkins.settings.changes import SettingsDialog
from bot.updates.responder import UnitOfWork
from storage.checkins import settings
from storage.checkins.questions import QuestionTopic
from storage.messages.body import MessageBody

# A longer text is a message and not an answer.
LONGEST_ANSWER = 80


class PhraseHandler:
    """Read a message as the answer to the open question."""

    def __init__(self, changes: SettingsDialog) -> None:
        self._changes = changes

    async def answer(self, a: UnitOfWork, text: str) -> MessageBody | None:
        """Carry out the answer to the open question. Returns None if the message is not one."""
        asks = await self._changes.asked(a) if len(text) <= LONGEST_ANSWER else None
        if asks in (QuestionTopic.TIMES, QuestionTopic.STATE):
            return await self._wished(a, asks, text) or await self._times(a, asks, text)
        if asks is QuestionTopic.QUIET:
            return await self._quiet(a, text)
        if asks is QuestionTopic.PAUSE:
            length = request_phrases.read_length(text)
            return await self._do(a, length) if length else await self._wished(a, asks, text)
        if asks is QuestionTopic.ZONE:
            return await self._wished(a, asks, text) or await self._zone(a, text)
        return None

    async def wish(self, a: UnitOfWork, text: str) -> MessageBody | None:
        """Carry out a clear request in a check-in reply. Returns None if there was none."""
        wish = request_phrases.read(text, is_plain=True) if len(text) <= LONGEST_ANSWER else None
        return await self._do(a, wish) if wish is not None else None

    async def _wished(self, a: UnitOfWork, asks: QuestionTopic, text: str) -> MessageBody | None:
        wish = request_phrases.read(text)
        if wish is None:
            return None
        # It may cancel the question or check-ins: take it as the question.
        if asks is not QuestionTopic.STATE and request_phrases.is_cancel(text):
            is_agreed = await settings.get(a.transaction, a.person.person_id) is not None
            return await (self._changes.state if is_agreed else self._changes.refuse)(a)
        return await self._do(a, wish)

    async def _do(self, a: UnitOfWork, wish: Request | Pause) -> MessageBody:
        if isinstance(wish, Pause):
            return await self._changes.pause(a, wish.days)
        acts = {
            Request.STOP: self._changes.stop,
            Request.SKIP_TODAY: self._changes.skip,
            Request.RESUME: self._changes.resume,
            Request.PAUSE_HOW_LONG: self._changes.ask_pause,
        }
        return await acts[wish](a)

    async def _quiet(self, a: UnitOfWork, text: str) -> MessageBody | None:
        hours = quiet_phrases.read(text)
        if len(hours) == 1:
            return await self._changes.quiet(a, hours[0])
        if hours:
            return pages.quiet(a.text, hours)
        if quiet_phrases.is_none(text):
            return await self._changes.quiet(a, None)
        body = await self._wished(a, QuestionTopic.QUIET, text)
        if body is None and time_phrases.read(text) is not None:  # times, but no span
            return pages.quiet(a.text)
        return body

    async def _times(self, a: UnitOfWork, asks: QuestionTopic, text: str) -> MessageBody | None:
        if quiet_phrases.says_not_to_ask(text) and (hours := quiet_phrases.read(text)):
            return pages.quiet(a.text, hours)
        is_asked = asks is QuestionTopic.TIMES
        read = time_phrases.read(text, is_asked=is_asked)
        beside = zone_phrases.without_places(text) if read is None else None
        if beside is not None and time_phrases.read(beside, is_asked=is_asked) is not None:
            read = Ambiguous(AmbiguityReason.UNCLEAR)  # local time of another place, perhaps
        if read is None:
            return None
        if isinstance(read, ParsedTimes) and is_asked:
            return await self._changes.times(a, read.appointments, are_days_said=read.are_days_said)
        if isinstance(read, ParsedTimes):
            read = Ambiguous(AmbiguityReason.IS_THIS, (read.appointments,))
        if read.choices:
            return pages.unclear(a.text, read)
        above = a.text(f"checkin_{read.why}")
        return await self._changes.choose_on(a, above)

    async def _zone(self, a: UnitOfWork, text: str) -> MessageBody | None:
        zones = zone_phrases.find(text, a.transaction.now)
        is_agreed = await settings.get(a.transaction, a.person.person_id) is not None
        if len(zones) == 1 and not is_agreed:  # the consent comes next, and shows it
            return await self._changes.zone(a, zones[0])
        if zones:
            return await self._changes.zones(a, zones)
        return await self._times(a, QuestionTopic.ZONE, text)
