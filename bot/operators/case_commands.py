"""The commands and buttons of operators, carried out on cases by `review/`.

Listeners report the effects. This module only asks back for a resolution or for a message.
"""

import re
from collections.abc import Awaitable, Callable

from bot.operators.announcements import OperatorMessenger
from bot.operators.case_keyboard import VERDICTS, CaseButtons
from review.cases.canned_replies import CannedReplies
from review.cases.hand_over import HandOver
from review.cases.takeover import TAKE_BACK_WITHIN
from review.operators.access import Refusal, RefusedError
from storage import Transaction
from storage.companion import people
from storage.ids import CaseId, OperatorId, ReplyId
from storage.review import canned_replies
from storage.review.cases import Case, Resolution
from storage.review.operators import Operator

# What operators can write, and the act it stands for.
COMMANDS = {
    "claim": "claim",
    "takeover": "takeover",
    "reply": "reply",
    "r": "reply",
    "replies": "replies",
    "handback": "handback",
    "handover": "handover",
    "release": "release",
    "resolve": "resolve",
    "note": "note",
}
# Twenty replies of this length fit into one message of Telegram.
MOST_SHOWN = 180
# Telegram takes a hundred buttons; nobody reads so many.
MOST_RECEIVERS = 40
SimpleAct = Callable[[Transaction, Operator, CaseId], Awaitable[object]]
_NUMBER = re.compile(r"#(\d{1,18})\b")


class CaseCommands:
    """Carries out what operators ask for."""

    def __init__(
        self, canned: CannedReplies, hand_over: HandOver, messenger: OperatorMessenger
    ) -> None:
        self._desk = hand_over.desk
        self._canned = canned
        self._hand_over = hand_over
        self._takeover = canned.takeover
        self._messenger = messenger
        self._buttons = CaseButtons(messenger)

    async def execute(
        self,
        transaction: Transaction,
        actor: Operator,
        case_id: CaseId,
        verb: str,
        words: str = "",
        *,
        number: int = 0,
    ) -> None:
        """Carry out one act. `number` is what a numbered button acts on.

        Raises:
            RefusedError: the act was refused, for the reason given.
        """
        desk, takeover = self._desk, self._takeover
        simple: dict[str, SimpleAct] = {
            "claim": desk.claim,
            "release": desk.release,
            "takeover": takeover.begin,
            "takeback": takeover.take_back,
            "replies": self._list_replies,
        }
        if verb in simple:
            await simple[verb](transaction, actor, case_id)
            return
        match verb:
            case "handback":
                await takeover.hand_back(transaction, actor, case_id, words)
            case "note":
                await desk.note(transaction, actor, case_id, words)
            case "reply" if words.strip():
                await takeover.say(transaction, actor, case_id, words)
            case "reply":
                await self._ask_message(transaction, actor, case_id)
            case "say":
                await self._canned.send(transaction, actor, case_id, ReplyId(number))
            case "handover":
                await self._name_receiver(transaction, actor, case_id, words)
            case "give":
                await self._hand_over.offer(transaction, actor, case_id, OperatorId(number))
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
        await self._conversation(transaction, actor, case_id)
        await self._messenger.post(transaction, self._prompt(case_id), case_id=case_id, silent=True)

    async def _list_replies(
        self, transaction: Transaction, actor: Operator, case_id: CaseId
    ) -> None:
        """Show the canned replies in the operator's language, each with a button that sends it."""
        case = await self._conversation(transaction, actor, case_id)
        assert case.person_id is not None
        texts, language = self._messenger.texts, actor.language
        person = await people.by_id(transaction, case.person_id)
        listed = await canned_replies.listed(transaction)
        text = texts(
            language,
            "replies_list",
            case=case_id,
            language=texts(language, f"language_{person.language if person else language}"),
            seconds=round(TAKE_BACK_WITHIN.total_seconds()),
            replies="\n".join(
                f"{number}. {_shortened(reply.text(language))}"
                for number, reply in enumerate(listed, 1)
            ),
        )
        buttons = self._buttons.replies(case_id, listed, language)
        await self._messenger.post(transaction, text, buttons=buttons, case_id=case_id, silent=True)

    async def _name_receiver(
        self, transaction: Transaction, actor: Operator, case_id: CaseId, words: str
    ) -> None:
        """Hand a case to the operator of this name, or ask to whom."""
        case = await self._desk.the_case(transaction, actor, case_id)
        if case.claimed_by is None:
            raise RefusedError(Refusal.NOT_CLAIMED)
        if case.claimed_by != actor.operator_id and not actor.is_admin:
            raise await self._desk.taken(transaction, case)
        receivers = await self._hand_over.receivers(transaction, case)
        name = " ".join(words.split()).casefold()
        named = [one.operator for one in receivers if name and one.operator.name.casefold() == name]
        if len(named) == 1:
            await self._hand_over.offer(transaction, actor, case_id, named[0].operator_id)
            return
        texts, language = self._messenger.texts, actor.language
        key = "hand_over_ask" if receivers else "hand_over_nobody"
        await self._messenger.post(
            transaction,
            texts(language, key, case=case_id),
            buttons=self._buttons.receivers(case_id, receivers[:MOST_RECEIVERS], language),
            case_id=case_id,
            silent=True,
        )

    async def _conversation(
        self, transaction: Transaction, actor: Operator, case_id: CaseId
    ) -> Case:
        """Return a case in which the operator has the conversation.

        Raises:
            RefusedError: `person_gone`, `not_yours`, `no_takeover`, or as in `the_case`.
        """
        case = await self._desk.the_case(transaction, actor, case_id)
        if case.person_id is None:
            raise RefusedError(Refusal.PERSON_GONE)
        if case.claimed_by not in (None, actor.operator_id):
            raise RefusedError(Refusal.NOT_YOURS, await self._desk.holder(transaction, case))
        if case.lease_until_at is None:
            raise RefusedError(Refusal.NO_TAKEOVER)
        return case

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


def _shortened(text: str) -> str:
    """Return the beginning of a text, so that all of a list fit into one message."""
    return text if len(text) <= MOST_SHOWN else f"{text[: MOST_SHOWN - 1]}…"
