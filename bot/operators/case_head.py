"""The lines about the person under the notice of a case."""

from zoneinfo import ZoneInfo

from bot.operators.announcements import OperatorMessenger
from review.cases.person_head import head_of
from storage import Transaction
from storage.companion import trusted_contacts
from storage.review.cases import Case


class CaseHead:
    """Says in the operators' chat where a person is and whether a contact was told.

    Args:
        messenger: the texts of the chat.
        zone: the time zone in which operators read times.
    """

    def __init__(self, messenger: OperatorMessenger, zone: ZoneInfo) -> None:
        self._messenger = messenger
        self._zone = zone

    async def lines(self, transaction: Transaction, case: Case) -> list[str]:
        """Return the lines about the person of a case, none if they were erased."""
        lines = (await self._person(transaction, case), await self._contact(transaction, case))
        return [line for line in lines if line]

    async def _person(self, transaction: Transaction, case: Case) -> str:
        text = self._messenger.text
        head = await head_of(transaction, case.person_id)
        if head is None:
            return ""
        unknown = text("case_person_unknown")
        return text(
            "case_person",
            at=f"{head.local_at:%m-%d %H:%M}" if head.local_at is not None else unknown,
            language=text(f"language_{head.language}"),
            region=text(f"region_{head.region}") if head.region is not None else unknown,
        )

    async def _contact(self, transaction: Transaction, case: Case) -> str:
        """Return the line on the person's trusted contact, without a name, or ""."""
        if case.person_id is None:
            return ""
        contact = await trusted_contacts.agreed_of(transaction, case.person_id)
        if contact is None:
            return ""
        told = self._messenger.text("case_contact_not_told")
        if contact.told_at is not None and contact.told_at >= case.opened_at:
            at = f"{contact.told_at.astimezone(self._zone):%H:%M}"
            told = self._messenger.text("case_contact_told", at=at)
        return self._messenger.text("case_contact", told=told)
