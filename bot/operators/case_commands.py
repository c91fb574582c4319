"""The commands and buttons of operators, carried out on cases by `review/`.

Listeners report the effects. This module only asks back for a resolution or for a message.
"""

import re

from bot.operators.announcements import OperatorMessenger
from bot.operators.case_keyboard import VERDICTS, CaseButtons
from review.cases.desk import Desk
from review.cases.takeover import Takeover
from review.operators.access import Refusal, RefusedError
from storage import Transaction
from storage.ids import CaseId
from storage.review.cases import Resolution
from storage.review.operators import Operator

# What operators can write, and the act it stands for.
COMMANDS = {
    "claim": "claim",
    "takeover": "takeover",
    "reply": "reply",
    "r": "reply",
    "handback": "handback",
    "release": "release",
    "resolve": "resolve",
    "note": "note",
}
_NUMBER = re.compile(r"#(\d{1,18})\b")


class CaseCommands:
    """Carries out what operators ask for."""

    def __init__(self, desk: Desk, takeover: Takeover, messenger: OperatorMessenger) -> None:
        self._desk = desk
        self._takeover = takeover
        self._messenger = messenger
        self._buttons = CaseButtons(messenger)

    async def execute(
        self, transaction: Transaction, actor: Operator, case_id: CaseId, verb: str, words: str = ""
    ) -> None:
        """Carry out one act.

        Raises:
            RefusedError: the act was refused, for the reason given.
        """
        desk, takeover = self._desk, self._takeover
        match verb:
            case "claim":
                await desk.claim(transaction, actor, case_id)
            case "release":
                await desk.release(transaction, actor, case_id)
            case "takeover":
                await takeover.begin(transaction, actor, case_id)
            case "handback":
                await takeover.hand_back(transaction, actor, case_id, words)
            case "note":
                await desk.note(transaction, actor, case_id, words)
            case "reply" if words.strip():
                await takeover.say(transaction, actor, case_id, words)
            case "reply":
                await self._ask_message(transaction, actor, case_id)
            case "resolve" if words.strip().lower() not in VERDICTS:
                await self._ask_resolution(transaction, actor, case_id)
            case _:
                verdict = words.strip().lower() if verb == "resolve" else verb
                await desk.resolve(transaction, actor, case_id, Resolution(verdict))

    def case_of_prompt(self, text: str) -> CaseId | None:
        """Return the case of a prompt for a message, or None if the text is not such a prompt.

        The whole text must match, because the bot's other messages quote people.
        """
        match = _NUMBER.search(text)
        if match is None:
            return None
        case_id = CaseId(int(match[1]))
        return case_id if text.strip() == self._prompt(case_id) else None

    def _prompt(self, case_id: CaseId) -> str:
        return self._messenger.text("reply_prompt", case=case_id)

    async def _ask_message(
        self, transaction: Transaction, actor: Operator, case_id: CaseId
    ) -> None:
        """Ask for a message to the person, which the operator gives as an answer."""
        case = await self._desk.the_case(transaction, actor, case_id)
        if case.person_id is None:
            raise RefusedError(Refusal.PERSON_GONE)
        if case.claimed_by not in (None, actor.operator_id):
            raise RefusedError(Refusal.NOT_YOURS, await self._desk.holder(transaction, case))
        if case.lease_until_at is None:
            raise RefusedError(Refusal.NO_TAKEOVER)
        await self._messenger.post(transaction, self._prompt(case_id), case_id=case_id, silent=True)

    async def _ask_resolution(
        self, transaction: Transaction, actor: Operator, case_id: CaseId
    ) -> None:
        """Ask for the resolution of a case."""
        case = await self._desk.the_case(transaction, actor, case_id)
        if case.claimed_by not in (None, actor.operator_id) and not actor.is_admin:
            raise await self._desk.taken(transaction, case)
        await self._messenger.post(
            transaction,
            self._messenger.text("resolve_ask", case=case_id),
            buttons=self._buttons.verdicts(case_id),
            case_id=case_id,
            silent=True,
        )
