"""The line in a case's topic that says what the person answered to the script."""

from bot.operators.announcements import OperatorMessenger
from bot.operators.case_keyboard import CaseButtons
from review.cases.answers import answer_line
from review.cases.events import Event
from storage import Transaction
from storage.messages import deliveries
from storage.review import cases


class AnswersLine:
    """Keeps one line of answers for each script, and edits it in place."""

    def __init__(self, messenger: OperatorMessenger) -> None:
        self._messenger = messenger
        self._buttons = CaseButtons(messenger)

    async def show(self, transaction: Transaction, event: Event) -> None:
        """Edit the line, or post a new one if the message of the last one is not known.

        The first answer of a script begins a new line, because the earlier script's answers are
        still worth reading.
        """
        case, answers = event.case, event.detail["answers"]
        is_first = all(row.answered_at == transaction.now for row in answers)
        last = None if is_first else case.answers_outbox_id
        line = answer_line(self._messenger.language, answers, case)
        posted = await self._messenger.post(
            transaction,
            self._messenger.text("case_answers", case=case.case_id, answers=line),
            buttons=self._buttons.for_case(case),
            person_id=case.person_id,
            case_id=case.case_id,
            silent=True,
            edits=await deliveries.message_of(transaction, last) if last is not None else None,
        )
        if posted is not None:
            await cases.change(transaction, case.case_id, answers_outbox_id=posted)
