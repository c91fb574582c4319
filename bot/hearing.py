"""What a person's words mean in the light of those before, and of the question they answer.

Knows nothing of who answers them. A message is screened alone at intake (`intake.py`); here
bursts are read whole, and the turns of the last day count. What is found can only be more.
"""

from datetime import datetime, timedelta

from bot.lanes import Burst
from bot.screening import Screens
from safety import dialogue
from safety.context import REMEMBERED, SHORT
from safety.policy import HOLD_LAPSE_S, THRESHOLD
from safety.screen import Screening, merge
from storage import Transaction, dialogues, transcripts
from storage.dialogues import Place
from storage.ids import PersonId

REMEMBERED_FOR = timedelta(seconds=HOLD_LAPSE_S)
"""A risk that was named longer ago says little about a word of today."""


class Hearing:
    """Screens words in their context."""

    def __init__(self, screens: Screens) -> None:
        self._screens = screens

    def alone(self, text: str) -> Screening:
        """Screen a text without any context."""
        return self._screens.screen(text)

    def burst(self, burst: Burst) -> Screening:
        """Screen a burst whole: a sentence may be split over several messages.

        A line's end parts sentences for the screener, so it is read without them too.
        """
        text = burst.text
        unread = {text, text.replace("\n", "")} - {arrival.text for arrival in burst.arrivals}
        return merge([burst.screening, *map(self._screens.screen, unread)])

    @staticmethod
    async def waiting(transaction: Transaction, person_id: PersonId, now: datetime) -> Place | None:
        """Where the person stands in a script whose last question waits for an answer."""
        place = await dialogues.get(transaction, person_id)
        if place is None or now - place.changed_at >= REMEMBERED_FOR:
            return None
        return place if dialogue.asked(place.script, place.step) else None

    async def in_context(
        self,
        transaction: Transaction,
        person_id: PersonId,
        text: str,
        screening: Screening,
        place: Place | None,
        now: datetime,
    ) -> Screening:
        """Screen words again in the light of those before, and of the question they answer."""
        before = await self._before(transaction, person_id, text, now)
        if not before and place is None:
            return screening
        asked = dialogue.asked(place.script, place.step) if place else None
        return merge([screening, self._screens.screen(text, before, asked=asked)])

    @staticmethod
    async def _before(
        transaction: Transaction, person_id: PersonId, text: str, now: datetime
    ) -> list[str]:
        """The person's last words that can bear on a new one: at risk, or a piece of a sentence.

        A turn that is begun anew after a crash holds words of `text` itself: they are not before.
        """
        recent = await transcripts.recent_words(
            transaction, person_id, since=now - REMEMBERED_FOR, limit=REMEMBERED
        )
        return [
            turn.text
            for turn in recent
            if (turn.level >= THRESHOLD or len(turn.text) <= SHORT) and turn.text not in text
        ]
