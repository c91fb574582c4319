"""What stands under the model's reply at level 2: numbers to call, one direct question.

Knows nothing of the reply. Operators get one quiet line, no case; both come once in a while
and not with every message (`AGAIN`).
"""

from datetime import datetime, timedelta

from bot.help_lines import HelpLines
from bot.notices import OperatorNotices
from bot.texts import Texts
from safety.dialogue import GENTLE
from safety.policy import HOLD_LAPSE_S, Response, Script, respond
from safety.screen import Screening
from storage import Transaction, dialogues, safety_counts
from storage.people import Person
from storage.safety_counts import Act

AGAIN = timedelta(seconds=HOLD_LAPSE_S)
"""How long a gentle question is not asked again, and operators hear no further line."""
EXCERPT = 300
ASKS = (Script.SUICIDE, Script.SELF_HARM)


class Resources:
    """Writes what a message of level 2 gets beside the reply."""

    def __init__(self, texts: Texts, help_lines: HelpLines, notices: OperatorNotices) -> None:
        self._texts = texts
        self._help_lines = help_lines
        self._notices = notices

    async def under(
        self,
        transaction: Transaction,
        person: Person,
        text: str,
        screening: Screening,
        *,
        now: datetime,
    ) -> list[str]:
        """The texts to put under a reply; none below level 2.

        The direct question is remembered, so that a bare yes is read as its answer.
        """
        response = respond(screening)
        if response is None:
            return []
        place = await dialogues.get(transaction, person.person_id)
        is_first = place is None or now - place.changed_at >= AGAIN
        asks = is_first and response.script in ASKS
        lines = self._help_lines.text(person.language, person.region)
        key = f"resources_{response.script}"
        found = [self._texts(person.language, key if self._texts.has(key) else "resources",
                             lines=lines)]  # fmt: skip
        if asks:
            found.append(self._texts(person.language, "gentle_suicide"))
        await safety_counts.add(
            transaction, Act.RESOURCES, level=int(response.level), script=response.script, now=now
        )
        if is_first:
            await dialogues.put(
                transaction, person.person_id, GENTLE, step=0 if asks else 1, turns=1, now=now
            )
            await self._tell_operators(transaction, person, response, text, screening, now)
        return found

    async def _tell_operators(
        self,
        transaction: Transaction,
        person: Person,
        response: Response,
        text: str,
        screening: Screening,
        now: datetime,
    ) -> None:
        await self._notices.put(
            transaction,
            "quiet_line",
            now=now,
            person_id=person.person_id,
            silent=True,
            level=int(response.level),
            categories=", ".join(screening.categories),
            words=self._notices.text("quiet_words_withheld")
            if person.is_off_record(now)
            else text[:EXCERPT],
        )
