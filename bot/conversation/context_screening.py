"""What a person's words mean in the light of those before, and of the question they answer.

A message is screened alone at intake (`intake.py`); here bursts are read whole, and the turns of
the last day count. What is found can only be more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.crisis.screening import SafeScreener
from bot.updates.arrivals import Burst
from safety.response import script
from safety.response.policy import HOLD_LAPSE_S, THRESHOLD
from safety.screening.context import REMEMBERED, is_piece
from safety.screening.screener import Screening, merge
from storage import Transaction
from storage.companion import script_positions, transcripts
from storage.companion.script_positions import ScriptPosition
from storage.ids import PersonId

REMEMBERED_FOR = timedelta(seconds=HOLD_LAPSE_S)
"""A risk that was named longer ago says little about a word of today."""
MOST_JOINED = 4_096
"""Letters of a burst that are read whole; each of its messages is screened by itself as well."""
_GAP = "\n。\n"


class ContextScreener:
    """Screens words in their context."""

    def __init__(self, screens: SafeScreener) -> None:
        self._screens = screens

    async def alone(self, text: str) -> Screening:
        """Screen a text without any context."""
        return await self._screens.hear(text)

    async def burst(self, burst: Burst) -> Screening:
        """Screen a burst whole: a sentence may be split over several messages."""
        texts = burst.texts
        if len(texts) == 1:
            return burst.screening
        return merge([burst.screening, await self._screens.hear(joined(texts))])

    @staticmethod
    async def waiting(
        transaction: Transaction, person_id: PersonId, now: datetime
    ) -> ScriptPosition | None:
        """Where the person stands in a script whose last question waits for an answer."""
        place = await script_positions.get(transaction, person_id)
        if place is None or now - place.changed_at >= REMEMBERED_FOR:
            return None
        return place if script.asked(place.script, place.step) else None

    async def in_context(
        self,
        transaction: Transaction,
        person_id: PersonId,
        texts: Sequence[str],
        screening: Screening,
        place: ScriptPosition | None,
        now: datetime,
    ) -> Screening:
        """Screen words again in the light of those before, and of the question they answer."""
        before = await self._before(transaction, person_id, texts, now)
        if not before and place is None:
            return screening
        asked = script.asked(place.script, place.step) if place else None
        return merge([screening, await self._screens.hear(joined(texts), before, asked=asked)])

    @staticmethod
    async def _before(
        transaction: Transaction, person_id: PersonId, texts: Sequence[str], now: datetime
    ) -> list[str]:
        """The person's last words that can bear on a new one: at risk, or a piece of a sentence.

        A turn that is begun again after a crash holds some of the texts: they are not before.
        """
        recent = await transcripts.recent_words(
            transaction, person_id, since=now - REMEMBERED_FOR, limit=REMEMBERED
        )
        lines = set("\n".join(texts).split("\n"))
        return [
            turn.text
            for turn in recent
            if (turn.level >= THRESHOLD or is_piece(turn.text))
            and not lines.issuperset(turn.text.split("\n"))
        ]


def joined(texts: Sequence[str]) -> str:
    """Join messages, a line for each; of many letters, those where messages meet.

    Args:
        texts: Messages that came together.
    """
    whole = "\n".join(texts)
    if len(whole) <= MOST_JOINED:
        return whole
    edge = MOST_JOINED // len(texts) // 2
    return "\n".join(
        text if len(text) <= 2 * edge else f"{text[:edge]}{_GAP}{text[-edge:]}" for text in texts
    )
