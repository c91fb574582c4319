"""What stands under the model's reply at level 2: numbers to call, one direct question.

They come once in a while and not with every message (`AGAIN`).
"""

from datetime import timedelta

from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from safety.response.policy import HOLD_LAPSE_S, Script, respond
from safety.response.script import GENTLE
from safety.screening.screener import Screening
from storage import Transaction
from storage.companion import plans, script_positions
from storage.companion.people import Person
from storage.review import safety_counts
from storage.review.safety_counts import SafetyEvent

AGAIN = timedelta(seconds=HOLD_LAPSE_S)
"""How long a gentle question is not asked again."""
ASKS = (Script.SUICIDE, Script.SELF_HARM)


class ResourceFooter:
    """Writes what a message of level 2 gets beside the reply."""

    def __init__(self, texts: Texts, help_lines: HelpLines) -> None:
        self._texts = texts
        self._help_lines = help_lines

    async def under(
        self, transaction: Transaction, person: Person, screening: Screening
    ) -> list[str]:
        """The texts to put under a reply; none below level 2.

        The direct question is remembered, so that a bare yes is read as its answer.
        """
        response = respond(screening)
        if response is None:
            return []
        place = await script_positions.get(transaction, person.person_id)
        is_first = place is None or transaction.now - place.changed_at >= AGAIN
        asks = is_first and response.script in ASKS
        lines = self._help_lines.text(person.language, person.region)
        key = f"resources_{response.script}"
        found = [
            self._texts(person.language, key if self._texts.has(key) else "resources", lines=lines)
        ]
        if asks:
            found.append(self._texts(person.language, "gentle_suicide"))
            await plans.close_step(transaction, person.person_id)  # the next words answer this
        await safety_counts.add(
            transaction, SafetyEvent.RESOURCES, level=int(response.level), script=response.script
        )
        if is_first:
            await script_positions.put(
                transaction,
                person.person_id,
                GENTLE,
                step=0 if asks else 1,
                turns=1,
                changed_at=transaction.now,
            )
        return found
