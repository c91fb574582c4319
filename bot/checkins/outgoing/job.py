"""The job that sends check-ins whose time has come."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from bot.checkins.outgoing.evaluation import DueQuestion
from bot.checkins.outgoing.keyboard import face_buttons
from bot.checkins.outgoing.scheduler import CheckInScheduler, Claimed
from bot.checkins.outgoing.wording import words_of
from bot.checkins.rules.backoff import Backoff
from bot.checkins.rules.schedule import LATEST
from bot.texts import Texts
from storage import Transaction
from storage.checkins import occurrences
from storage.checkins import settings as check_in_settings
from storage.companion import conversations, transcripts
from storage.companion.conversations import Speaker
from storage.messages import outbox
from storage.messages.body import MessageBody

WEEK = timedelta(days=7)
# After a last mood up to this the text is soft.
SOFTLY = 2
# How long a mood counts for that. For weekly check-ins the last mood is a week old.
REMEMBERED = timedelta(days=8)


@dataclass(frozen=True, slots=True)
class CheckInJob:
    """Send every due check-in.

    Attributes:
        rounds: finds and claims due appointments.
        texts: the reviewed texts.
    """

    rounds: CheckInScheduler
    texts: Texts
    # One run at a time, because all check-ins share one pace.
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)

    async def run(self) -> int:
        """Ask every due check-in, and return how many were asked."""
        async with self._lock:
            return await self.rounds.send_due(self._ask)

    @staticmethod
    async def _is_soft(transaction: Transaction, question: DueQuestion) -> bool:
        """Return whether the last mood was low. An answer in words does not change that."""
        since = question.occurrence.local_date - REMEMBERED
        answered = await occurrences.moods(transaction, question.person.person_id, since=since)
        moods = [mood for one in answered if one.answer and (mood := one.answer.mood)]
        return bool(moods) and moods[-1] <= SOFTLY

    async def _ask(self, transaction: Transaction, claimed: Claimed) -> None:
        question, person = claimed.question, claimed.question.person
        language = person.language
        words = words_of(
            self.texts,
            question,
            is_soft=await self._is_soft(transaction, question),
            last=await transcripts.last_words(
                transaction, person.person_id, before=transaction.now
            ),
            now=transaction.now,
        )
        if question.is_goodbye:
            buttons = [[(self.texts(language, "checkin_resume"), "ci:resume")]]
        else:
            buttons = [face_buttons(self.texts, language, claimed.check_in_id)]
        session_id = await conversations.current_session(transaction, person.person_id)
        # The check-in's row has the same instant, by which the model's context finds this turn.
        turn = await conversations.append(
            transaction, person.person_id, session_id, Speaker.SCRIPT, text=words
        )
        await outbox.put(
            transaction,
            outbox.MessageKind.CHECK_IN,
            MessageBody(words, buttons),
            person_id=person.person_id,
            epoch=person.epoch,  # a crisis, `/stop` or an operator who joins comes first
            turn_id=turn.turn_id,
            expires_at=question.occurrence.at + LATEST,
            check_in_id=claimed.check_in_id,
        )
        await self._offer_summary(transaction, claimed)

    async def _offer_summary(self, transaction: Transaction, claimed: Claimed) -> None:
        """Offer the week's chart as a button, since a picture would show on a lock screen.

        Offer nothing in a week without a mood, in a silence, or right after a case.
        """
        question = claimed.question
        settings, day = question.settings, question.occurrence.local_date
        since = settings.summarised_on
        if not settings.weekly_summary or question.is_goodbye or question.is_after_hold:
            return
        if since is not None and day - since < WEEK:
            return
        if Backoff(settings.unanswered, settings.asked_on).every_days:
            return
        week = await occurrences.moods(
            transaction, question.person.person_id, since=day - WEEK + timedelta(days=1)
        )
        if not any(one.answer and one.answer.mood for one in week):
            return
        person = question.person
        await check_in_settings.change(transaction, person.person_id, summarised_on=day)
        see = (self.texts(person.language, "checkin_summary_see"), "chart:week")
        await outbox.put(
            transaction,
            outbox.MessageKind.CHECK_IN,
            MessageBody(self.texts(person.language, "checkin_summary"), [[see]]),
            person_id=person.person_id,
            epoch=person.epoch,
            expires_at=question.occurrence.at + LATEST,
            check_in_id=claimed.check_in_id,
        )
