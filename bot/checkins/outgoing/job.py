"""The job that sends check-ins whose time has come."""

import asyncio
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
# After a last mood up to this the words are soft.
SOFTLY = 2
# How long a mood counts for that. A person who is asked weekly has one of a week ago.
REMEMBERED = timedelta(days=8)


class CheckInJob:
    """Sends every due check-in.

    Args:
        rounds: finds and claims what is due.
        texts: reviewed words.
    """

    def __init__(
        self,
        *,
        rounds: CheckInScheduler,
        texts: Texts,
    ) -> None:
        self._rounds = rounds
        self._texts = texts
        self._one_at_a_time = asyncio.Lock()  # the pace is of all of them together

    async def run(self) -> int:
        """Ask everyone whose time has come. Returns how many were asked."""
        async with self._one_at_a_time:
            return await self._rounds.send_due(self._ask)

    @staticmethod
    async def _is_soft(transaction: Transaction, question: DueQuestion) -> bool:
        """Whether the last mood was low. An answer in words does not change that."""
        since = question.occurrence.local_date - REMEMBERED
        answered = await occurrences.moods(transaction, question.person.person_id, since=since)
        moods = [each.answer.mood for each in answered if each.answer and each.answer.mood]
        return bool(moods) and moods[-1] <= SOFTLY

    async def _ask(self, transaction: Transaction, claimed: Claimed) -> None:
        question, person = claimed.question, claimed.question.person
        language = person.language
        words = words_of(
            self._texts,
            question,
            is_soft=await self._is_soft(transaction, question),
            last=await transcripts.last_words(
                transaction, person.person_id, before=transaction.now
            ),
            now=transaction.now,
        )
        if question.is_goodbye:
            buttons = [[(self._texts(language, "checkin_resume"), "ci:resume")]]
        else:
            buttons = [face_buttons(self._texts, language, claimed.check_in_id)]
        session_id = await conversations.current_session(transaction, person.person_id)
        # By its instant, which the check-in's row has too, the model's context knows this turn.
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
        if not any(each.answer and each.answer.mood for each in week):
            return
        person = question.person
        await check_in_settings.change(transaction, person.person_id, summarised_on=day)
        see = (self._texts(person.language, "checkin_summary_see"), "chart:week")
        await outbox.put(
            transaction,
            outbox.MessageKind.CHECK_IN,
            MessageBody(self._texts(person.language, "checkin_summary"), [[see]]),
            person_id=person.person_id,
            epoch=person.epoch,
            expires_at=question.occurrence.at + LATEST,
            check_in_id=claimed.check_in_id,
        )
