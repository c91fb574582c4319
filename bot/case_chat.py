"""Cases in the operators' chat: what is told of them there.

The operators' side of a case's events (`review/events.py`), in Telegram. Knows nothing of what
operators press or write (`operators.py`).
"""

from bot.notices import OperatorNotices
from review.events import Event, What
from safety.levels import Level
from storage import Transaction

EXCERPT = 600


class CaseChat:
    """Tells the operators' chat of grave cases."""

    def __init__(self, notices: OperatorNotices) -> None:
        self._notices = notices

    async def show(self, transaction: Transaction, event: Event) -> None:
        """Tell of a case that was opened, grew graver, or was resolved."""
        notices, case = self._notices, event.case
        if event.what is What.RESOLVED:
            await notices.put(transaction, "case_resolved", now=event.at, case=case.case_id)
            return
        grew = event.what is What.OPENED or event.detail.get("rose")
        if not grew or case.level < Level.ACTIVE:
            return
        await notices.put(
            transaction,
            "case_opened",
            now=event.at,
            buttons=[[(notices.text("case_resolve"), f"case:{case.case_id}:resolve")]],
            person_id=case.person_id,
            case=case.case_id,
            level=case.level,
            categories=", ".join(case.categories),
            words=notices.text("case_words_withheld")
            if event.detail["hidden"]
            else event.words[:EXCERPT],
        )
