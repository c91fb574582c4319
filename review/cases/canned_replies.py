"""Canned replies: sent with one tap, taken back within seconds, and kept by admins."""

import re
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from review.cases.takeover import Takeover
from review.operators.access import Refusal, RefusedError, require_admin
from safety import yaml_files
from storage import Transaction
from storage.companion import people
from storage.ids import CaseId, ReplyId
from storage.review import audit, canned_replies
from storage.review.canned_replies import CannedReply
from storage.review.cases import Case
from storage.review.operators import Operator

MOST_LETTERS = 500
# More would not fit under one message of Telegram.
MOST_LISTED = 20
_HAN = re.compile(r"[\u3400-\u9fff]")
_LATIN = re.compile(r"[A-Za-z]")


@dataclass(frozen=True, slots=True)
class CannedReplies:
    """Send canned replies in a takeover."""

    takeover: Takeover

    async def send(
        self, transaction: Transaction, actor: Operator, case_id: CaseId, reply_id: ReplyId
    ) -> Case:
        """Send a reply in the person's language, like a message that the operator typed.

        It waits `TAKE_BACK_WITHIN`, so that a wrong tap can be taken back.

        Raises:
            RefusedError: `reply_gone` (an admin changed it), `reply_waits`, or as in `say`.
        """
        reply = await canned_replies.get(transaction, reply_id)
        if reply is None or reply.retired_at is not None:
            raise RefusedError(Refusal.REPLY_GONE)
        case = await self.takeover.desk.the_case(transaction, actor, case_id)
        person = await people.by_id(transaction, case.person_id) if case.person_id else None
        if person is None:
            raise RefusedError(Refusal.PERSON_GONE)
        words = reply.text(person.language)
        return await self.takeover.say(transaction, actor, case_id, words, canned=reply_id)


async def seed(transaction: Transaction) -> list[ReplyId]:
    """Add the replies that the service brings, and return the new ones.

    A reply that an admin edited or retired stays so: the file only seeds the list.
    """
    known = await canned_replies.names(transaction)
    added = [
        await canned_replies.add(transaction, name=name, zh=texts["zh"], en=texts["en"])
        for name, texts in brought().items()
        if name not in known
    ]
    if added:
        await audit.append(transaction, "replies_seeded", detail={"replies": added})
    return added


async def add(transaction: Transaction, actor: Operator, *, zh: str, en: str) -> ReplyId:
    """Add a reply at the end of the list.

    Raises:
        RefusedError: `not_allowed`, `both_languages`, `reply_too_long`, or `too_many_replies`.
    """
    require_admin(actor)
    zh, en = _checked(zh, en)
    if len(await canned_replies.listed(transaction)) >= MOST_LISTED:
        raise RefusedError(Refusal.TOO_MANY_REPLIES)
    added = await canned_replies.add(transaction, zh=zh, en=en)
    await _record(transaction, actor, "reply_added", reply=added)
    return added


async def edit(
    transaction: Transaction, actor: Operator, reply_id: ReplyId, *, zh: str, en: str
) -> ReplyId:
    """Replace a reply by a new one in its place, and return the new one.

    Raises:
        RefusedError: `not_allowed`, `both_languages`, `reply_too_long`, or `reply_gone`.
    """
    require_admin(actor)
    zh, en = _checked(zh, en)
    old = await _retired(transaction, reply_id)
    added = await canned_replies.add(transaction, zh=zh, en=en, place=old.place)
    await _record(transaction, actor, "reply_edited", reply=added, replaces=reply_id)
    return added


async def retire(transaction: Transaction, actor: Operator, reply_id: ReplyId) -> None:
    """Take a reply off the list.

    Raises:
        RefusedError: `not_allowed` or `reply_gone`.
    """
    require_admin(actor)
    await _retired(transaction, reply_id)
    await _record(transaction, actor, "reply_retired", reply=reply_id)


@cache
def brought() -> dict[str, Any]:
    """Return the texts that the service brings, by name."""
    source = resources.files(__package__).joinpath("canned_replies.yaml").read_text("utf-8")
    texts: dict[str, Any] = yaml_files.parse(source)
    return texts


async def _retired(transaction: Transaction, reply_id: ReplyId) -> CannedReply:
    reply = await canned_replies.get(transaction, reply_id)
    if reply is None or not await canned_replies.retire(transaction, reply_id):
        raise RefusedError(Refusal.REPLY_GONE)
    return reply


async def _record(transaction: Transaction, actor: Operator, act: str, **detail: int) -> None:
    await audit.append(transaction, act, operator_id=actor.operator_id, detail=detail)


def _checked(zh: str, en: str) -> tuple[str, str]:
    """Return both texts in the form in which they are stored.

    Raises:
        RefusedError: `both_languages` or `reply_too_long`.
    """
    zh, en = (text.replace("\r\n", "\n").strip() for text in (zh, en))
    latin, han = len(_LATIN.findall(en)), len(_HAN.findall(en))
    if not _HAN.search(zh) or latin <= han:
        raise RefusedError(Refusal.BOTH_LANGUAGES)
    if max(len(zh), len(en)) > MOST_LETTERS:
        raise RefusedError(Refusal.REPLY_TOO_LONG)
    return zh, en
