"""From a word or a press of an operator to an act on a case (`review/`).

What an act leads to is told by the faces; here stand only the two questions back: how a case ended,
and what is to be said.
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
"""What operators write, and the act that it means."""
_NUMBER = re.compile(r"#(\d{1,18})\b")


class CaseCommands:
    """Does what operators ask for."""

    def __init__(self, desk: Desk, takeover: Takeover, messenger: OperatorMessenger) -> None:
        self._desk = desk
        self._takeover = takeover
        self._messenger = messenger
        self._buttons = CaseButtons(messenger)

    async def execute(
        self, transaction: Transaction, actor: Operator, case_id: CaseId, verb: str, words: str = ""
    ) -> None:
        """Do one act.

        Raises:
            RefusedError: it was not done; says why.
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
                await self._ask_words(transaction, actor, case_id)
            case "resolve" if words.strip().lower() not in VERDICTS:
                await self._ask_verdict(transaction, actor, case_id)
            case _:
                verdict = words.strip().lower() if verb == "resolve" else verb
                await desk.resolve(transaction, actor, case_id, Resolution(verdict))

    def prompted(self, text: str) -> CaseId | None:
        """Which case a prompt of ours is about; None where the text is no such prompt.

        The whole text must be it: the bot's other messages hold words of people.
        """
        found = _NUMBER.search(text)
        if found is None:
            return None
        case_id = CaseId(int(found[1]))
        return case_id if text.strip() == self._prompt(case_id) else None

    def _prompt(self, case_id: CaseId) -> str:
        return self._messenger.text("reply_prompt", case=case_id)

    async def _ask_words(self, transaction: Transaction, actor: Operator, case_id: CaseId) -> None:
        """Ask for words to the person: the answer to this message goes to them."""
        case = await self._desk.the_case(transaction, actor, case_id)
        if case.person_id is None:
            raise RefusedError(Refusal.PERSON_GONE)
        if case.claimed_by not in (None, actor.operator_id):
            raise RefusedError(Refusal.NOT_YOURS, await self._desk.holder(transaction, case))
        if case.lease_until_at is None:
            raise RefusedError(Refusal.NO_TAKEOVER)
        await self._messenger.post(transaction, self._prompt(case_id), case_id=case_id, silent=True)

    async def _ask_verdict(
        self, transaction: Transaction, actor: Operator, case_id: CaseId
    ) -> None:
        """Ask how a case ended."""
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
