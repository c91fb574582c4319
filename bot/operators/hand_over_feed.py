"""What operators read about hand-overs, in the case's topic and in private."""

from bot.operators.announcements import OperatorMessenger
from bot.operators.case_keyboard import CaseButtons
from review.cases.events import Event, EventType
from storage import Transaction
from storage.ids import OperatorId
from storage.review import operators
from storage.review.operators import Operator


class HandOverFeed:
    """Tells both operators of a hand-over, and everybody in the topic."""

    def __init__(self, messenger: OperatorMessenger) -> None:
        self._messenger = messenger
        self._buttons = CaseButtons(messenger)

    async def on_event(self, transaction: Transaction, event: Event) -> None:
        """Show an event of a hand-over, in the transaction of the act."""
        match event.what:
            case EventType.HAND_OVER_OFFERED:
                await self._show_offer(transaction, event)
            case EventType.HANDED_OVER:
                giver = await _operator(transaction, event.detail["giver"])
                key = "case_handed_over"
                await self._post(transaction, event, key, giver=self._messenger.name(giver))
                await self._tell(transaction, giver, "handed_over_direct", event)
            case EventType.HAND_OVER_ENDED:
                await self._show_end(transaction, event)

    async def _show_offer(self, transaction: Transaction, event: Event) -> None:
        messenger, minutes = self._messenger, event.detail["minutes"]
        receiver = await _operator(transaction, event.detail["to"])
        giver = await _operator(transaction, event.detail["giver"])
        key = "case_hand_over_talks" if event.case.lease_until_at else "case_hand_over"
        names = {"giver": messenger.name(giver), "receiver": messenger.name(receiver)}
        await self._post(transaction, event, key, minutes=minutes, **names)
        await self._tell(
            transaction, receiver, "hand_over_direct", event, has_button=True, minutes=minutes
        )

    async def _show_end(self, transaction: Transaction, event: Event) -> None:
        receiver = await _operator(transaction, event.detail["to"])
        if event.detail["why"] == "kept":
            key, told = "case_hand_over_kept", receiver
        elif event.case.lease_until_at is not None:
            key, told = "case_hand_over_lapsed_talks", event.operator
        else:
            key, told = "case_hand_over_lapsed", event.operator
        await self._post(transaction, event, key, receiver=self._messenger.name(receiver))
        await self._tell(
            transaction, told, f"{key}_direct", event, receiver=self._messenger.name(receiver)
        )

    async def _post(
        self, transaction: Transaction, event: Event, key: str, **values: object
    ) -> None:
        """Post in the topic, with a sound, because one of them has to see it."""
        case, messenger = event.case, self._messenger
        name = messenger.name(event.operator)
        await messenger.post(
            transaction,
            messenger.text(key, case=case.case_id, operator=name, **values),
            buttons=self._buttons.for_case(case),
            person_id=case.person_id,
            case_id=case.case_id,
        )

    async def _tell(
        self,
        transaction: Transaction,
        operator: Operator | None,
        key: str,
        event: Event,
        *,
        has_button: bool = False,
        **values: object,
    ) -> None:
        """Tell an operator in private, in their language."""
        if operator is None or not operator.is_active:
            return
        case, messenger, language = event.case, self._messenger, operator.language
        text = messenger.texts(
            language,
            key,
            case=case.case_id,
            level=case.level,
            categories=messenger.categories(case, language),
            operator=messenger.name(event.operator),
            **values,
        )
        claim = (messenger.texts(language, "button_claim"), f"case:{case.case_id}:claim")
        buttons = [[claim]] if has_button else None
        await messenger.send_to(transaction, operator, text, buttons=buttons)


async def _operator(transaction: Transaction, operator_id: int) -> Operator | None:
    return await operators.get(transaction, OperatorId(operator_id))
