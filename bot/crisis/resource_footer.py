"""The footer of a reply at level 2: help lines, and now and then one direct question."""

from datetime import timedelta

from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from safety.response.policy import HOLD_LAPSE_S, Script, respond
from safety.response.script import GENTLE
from safety.screening.outcome import Screening
from storage import Transaction
from storage.companion import plans, script_positions
from storage.companion.people import Person
from storage.review import safety_counts
from storage.review.safety_counts import SafetyEvent

# The direct question is not asked again for this long.
AGAIN = timedelta(seconds=HOLD_LAPSE_S)
ASKS = (Script.SUICIDE, Script.SELF_HARM)


class ResourceFooter:
    """Builds the footer of a reply."""

    def __init__(self, texts: Texts, help_lines: HelpLines) -> None:
        self._texts = texts
        self._help_lines = help_lines

    async def lines_for(
        self, transaction: Transaction, person: Person, screening: Screening
    ) -> list[str]:
        """Return the texts for the footer, which is empty below level 2.

        The script's position records the direct question, so that a bare "yes" answers it.
        """
        response = respond(screening)
        if response is None:
            return []
        position = await script_positions.get(transaction, person.person_id)
        is_first = position is None or transaction.now - position.changed_at >= AGAIN
        asks = is_first and response.script in ASKS
        lines = self._help_lines.text(person.language, person.region, topic=response.script)
        key = f"resources_{response.script}"
        key = key if self._texts.has(key) else "resources"
        footer = [self._texts(person.language, key, lines=lines)]
        if asks:
            footer.append(self._texts(person.language, "gentle_suicide"))
            # The next message answers this question, not the plan.
            await plans.close_step(transaction, person.person_id)
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
        return footer
