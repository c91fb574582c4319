"""The service without deliveries: its real rooms on SQLite, and a model that says what is written.

A message goes the whole way from intake to the outbox. Nobody sends what is queued there.
"""

import itertools
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import select
from structlog.testing import capture_logs

from bot.cli.demo import demo_settings
from bot.service.composition import build
from bot.service.parts import Parts
from review.operators import roster
from sandbox import Limits, Sandbox
from storage import Transaction
from storage.companion import people, transcripts
from storage.companion.conversations import Turn
from storage.companion.people import Person
from storage.database import keys
from storage.database.schema import inbox, outbox
from storage.messages.body import MessageBody, from_json
from storage.messages.outbox import SEAL_CONTEXT
from storage.review import operators
from storage.review.operators import Operator
from tests.support.clock import ManualClock
from tests.support.scripted_model import ScriptedModel
from tests.support.waiting import until

MEI = 42
NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)  # in Shanghai, a Tuesday
numbers = itertools.count(1)


class House:
    """One service with its model and its clock.

    Attributes:
        parts: the service.
        model: what writes its replies.
        clock: its time, which a test sets.
        before: how many messages were queued when it was last told something.
    """

    def __init__(self, parts: Parts, model: ScriptedModel, clock: ManualClock[datetime]) -> None:
        self.parts = parts
        self.model = model
        self.clock = clock
        self.database = parts.database

    async def person(self, telegram_id: int = MEI) -> Person | None:
        async with self.database.read() as transaction:
            return await people.by_telegram_id(transaction, telegram_id)

    async def agreed(self, telegram_id: int = MEI, **columns: Any) -> Person:
        """Make a person who has agreed."""
        async with self.database.begin() as transaction:
            person = await people.get_or_create(transaction, telegram_id, language="zh")
            columns = {
                "consent_at": transaction.now,
                "consent_version": "1",
                "age_band": "adult",
                **columns,
            }
            await people.change(transaction, person.person_id, **columns)
            found = await people.by_id(transaction, person.person_id)
        assert found is not None
        return found

    async def operator(self) -> Operator:
        async with self.database.read() as transaction:
            return (await operators.listed(transaction))[0]

    async def receives(self, *texts: str, telegram_id: int = MEI, **fields: Any) -> None:
        """Take messages as Telegram sends them, and wait until they are handled."""
        for text in texts:
            await self.parts.intake.receive(update(text, telegram_id, **fields))
        await self.rests()

    async def rests(self) -> None:
        await until(lambda: not self.parts.lanes.is_busy)

    async def who_answers(self, *texts: str) -> str:
        """Say who answers messages: an interceptor, the model, or else why their rows ended."""
        asked = len(self.model.requests)
        with capture_logs() as logs:
            await self.receives(*texts)
        by = [str(log["by"]) for log in logs if log["event"] == "intercepted"]
        if by or len(self.model.requests) > asked:
            return by[0] if by else "model"
        return (await self.ends())[-1]

    async def ends(self) -> list[str]:
        """Why the rows of the inbox ended, in order; empty for one that is open."""
        async with self.database.read() as transaction:
            query = select(inbox.c.reason).order_by(inbox.c.update_id)
            return [reason or "" for reason in (await transaction.execute(query)).scalars()]

    async def queued(self) -> list[tuple[str, str]]:
        """The kind and the text of every message in the outbox, in order."""
        async with self.database.read() as transaction:
            query = select(outbox).order_by(outbox.c.outbox_id)
            rows = (await transaction.execute(query)).all()
            return [(row.kind, (await _body(transaction, row)).text) for row in rows]

    async def turns(self, telegram_id: int = MEI) -> list[Turn]:
        person = await self.person(telegram_id)
        assert person is not None
        async with self.database.read() as transaction:
            return await transcripts.history(transaction, person.person_id)


async def _body(transaction: Transaction, row: Any) -> MessageBody:
    owner = row.person_id if row.person_id is not None else keys.SERVICE
    return from_json(await keys.unseal(transaction, owner, row.body, SEAL_CONTEXT))


def update(text: str, telegram_id: int = MEI, **fields: Any) -> dict[str, Any]:
    """An update with a message, as Telegram sends it."""
    number = next(numbers)
    person = {"id": telegram_id, "is_bot": False, "first_name": "小雨", "language_code": "zh"}
    message = {
        "message_id": number,
        "date": int(NOON.timestamp()),
        "chat": {"id": telegram_id, "type": "private", "first_name": "小雨"},
        "from": person,
        "text": text,
        **fields,
    }
    if text.startswith("/"):
        length = len(text.split(maxsplit=1)[0])
        message["entities"] = [{"type": "bot_command", "offset": 0, "length": length}]
    kind = "edited_message" if "edit_date" in fields else "message"
    return {"update_id": number, kind: message}


@asynccontextmanager
async def house(
    folder: Path, template: Path, model: ScriptedModel | None = None, **settings: Any
) -> AsyncIterator[House]:
    """Build a service on a new database."""
    model, clock = model or ScriptedModel(), ManualClock(NOON)
    shutil.copy(template, folder / "pica.db")
    async with Sandbox(limits=Limits.off()) as sandbox:
        values = {"burst_window_s": 0.0, "streaming": "off", **settings}
        parts = build(demo_settings(sandbox, folder, **values), model, clock=clock)
        await parts.application.initialize()
        async with parts.database.begin() as transaction:
            await keys.check(transaction)
            await roster.seed(transaction, parts.settings.operators, language="zh")
        try:
            yield House(parts, model, clock)
        finally:
            await parts.lanes.aclose()
            await parts.application.shutdown()
            await parts.database.aclose()
