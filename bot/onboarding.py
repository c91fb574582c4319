"""The first minutes: what this is, consent, age band, region.

Knows nothing of the model. Before consent nothing but the first words is kept;
after a refusal nothing is.
"""

from collections.abc import Collection
from datetime import datetime

from bot.conversation.legal_notices import LegalNotices
from bot.erasure import Erasure
from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from review import cases as review
from storage import Transaction, inbox, outbox, people
from storage.body import Keyboard, MessageBody
from storage.ids import UpdateId
from storage.inbox import Ended, OpenRow
from storage.people import Person

CONSENT_VERSION = "1"
AGES = ("under_14", "14_17", "adult", "unsaid")
MOST_WAITING = 20


class Onboarding:
    """Consent and the two questions after it."""

    def __init__(
        self,
        *,
        texts: Texts,
        help_lines: HelpLines,
        erasure: Erasure,
        duties: LegalNotices,
        retention_days: int,
        warns_of_demo: bool,
    ) -> None:
        self._texts = texts
        self._help_lines = help_lines
        self._erasure = erasure
        self._duties = duties
        self._days = retention_days
        self._warns_of_demo = warns_of_demo

    def start_body(self, language: str) -> MessageBody:
        """What `/start` says."""
        text = self._texts(language, "start", days=self._days)
        text += "\n\n" + self._duties.opening(language)
        if self._warns_of_demo:
            text += "\n\n" + self._texts(language, "demo_notice")
        other = "en" if language == "zh" else "zh"
        return MessageBody(
            text,
            [
                [(self._texts(language, "consent_yes"), "consent:yes")],
                [(self._texts(language, "consent_no"), "consent:no")],
                [(self._texts(language, "switch_language"), f"start:{other}")],
            ],
        )

    async def ask_consent(
        self,
        transaction: Transaction,
        person: Person,
        update_ids: Collection[UpdateId],
        *,
        now: datetime,
    ) -> None:
        """Let a newcomer's words wait; ask once, then only remind."""
        waiting = await inbox.waiting_count(transaction, person.person_id)
        if waiting >= MOST_WAITING:
            await inbox.end(transaction, update_ids, Ended.IGNORED, reason="no_consent", now=now)
            return
        await inbox.await_consent(transaction, update_ids)
        body = (
            self.start_body(person.language)
            if waiting == 0
            else MessageBody(self._texts(person.language, "start_waiting"))
        )
        await outbox.put(
            transaction, outbox.MessageKind.NOTICE, body, person_id=person.person_id, now=now
        )

    async def consent(self, transaction: Transaction, person: Person, *, now: datetime) -> None:
        """Record consent and ask for the age band."""
        if person.consent_at is None:
            await people.change(
                transaction, person.person_id, consent_at=now, consent_version=CONSENT_VERSION
            )
        buttons = [[(self._texts(person.language, f"age_{age}"), f"age:{age}")] for age in AGES]
        await self._notice(transaction, person, "ask_age", buttons, now)

    async def refuse(
        self, transaction: Transaction, person: Person, key: str, *, now: datetime
    ) -> None:
        """Erase somebody whom the companion does not talk with, and say so."""
        await self._erasure.refuse(transaction, person, key, now=now)

    def forget_body(self, language: str) -> MessageBody:
        """The question before erasure."""
        return MessageBody(
            self._texts(language, "forget_ask"),
            [
                [(self._texts(language, "forget_yes"), "forget:yes")],
                [(self._texts(language, "forget_no"), "forget:no")],
            ],
        )

    async def age(
        self, transaction: Transaction, person: Person, age: str, *, now: datetime
    ) -> list[OpenRow]:
        """Record the age band, ask for the region; return the words that may be answered now."""
        if age == "under_14":
            await self.refuse(transaction, person, "under_14", now=now)
            return []
        await people.change(transaction, person.person_id, age_band=age)
        rows = self._help_lines.region_buttons(person.language)
        await self._notice(transaction, person, "ask_region", rows, now)
        waiting = await inbox.release_after_consent(transaction, person.person_id)
        if not waiting:
            await self._notice(transaction, person, "ready", [], now)
        return waiting

    async def region(
        self, transaction: Transaction, person: Person, region: str, *, now: datetime
    ) -> None:
        """Record the region; during a crisis its numbers follow at once."""
        known = region if self._help_lines.knows(region) else None
        await people.change(transaction, person.person_id, region=known)
        key, values = "region_saved", {}
        if await review.case_on_hold(transaction, person.person_id, now=now) is not None:
            key = "region_saved_lines"
            values = {"lines": self._help_lines.text(person.language, known)}
        await self._notice(transaction, person, key, [], now, **values)

    async def _notice(
        self,
        transaction: Transaction,
        person: Person,
        key: str,
        buttons: Keyboard,
        now: datetime,
        **values: str,
    ) -> None:
        await outbox.put(
            transaction,
            outbox.MessageKind.NOTICE,
            MessageBody(self._texts(person.language, key, **values), buttons),
            person_id=person.person_id,
            now=now,
        )
