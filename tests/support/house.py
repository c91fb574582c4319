"""Services without Telegram: the real rooms on SQLite, with a clock that tests move.

`Heart` is the rooms that decide who answers, to test their parts. `House` is the whole service with
a model that says what is written; a message goes the whole way from intake to the outbox. Nobody
sends what is queued there.
"""

import itertools
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select
from structlog.testing import capture_logs

from bot.cli.demo import demo_settings
from bot.context import Context
from bot.crisis import room as crisis_room
from bot.operators import room as operators_room
from bot.people import room as people_room
from bot.service.composition import build
from bot.service.parts import Parts
from bot.settings import Settings
from bot.updates.parsing import UpdateKind
from bot.updates.utterance import Utterance
from review.operators import roster
from safety.screening.outcome import Screening
from sandbox import Limits, Sandbox
from storage import Database, Transaction, new_secret_key
from storage.companion import people, transcripts
from storage.companion.conversations import Turn
from storage.companion.people import Person
from storage.database import keys
from storage.database.schema import inbox as inbox_rows
from storage.database.schema import outbox as outbox_rows
from storage.ids import UpdateId
from storage.messages import inbox
from storage.messages.body import MessageBody, from_json
from storage.messages.outbox import SEAL_CONTEXT
from storage.review import cases, operators
from storage.review.cases import Case
from storage.review.operators import Operator
from tests.support.clock import ManualClock
from tests.support.scripted_model import ScriptedModel
from tests.support.waiting import until

OpenHeart = Callable[..., Awaitable["Heart"]]
OpenHouse = Callable[..., Awaitable["House"]]
MEI = 42
ADMIN = 900
OPERATORS_CHAT = -1001
NOON = datetime(2026, 11, 24, 4, tzinfo=UTC)  # in Shanghai, a Tuesday
numbers = itertools.count(1)


class Rows:
    """The rows of one service.

    Attributes:
        database: where they are.
        clock: the time of the service, which a test sets.
    """

    def __init__(self, database: Database, clock: ManualClock[datetime]) -> None:
        self.database = database
        self.clock = clock

    async def person(self, telegram_id: int = MEI) -> Person | None:
        async with self.database.read() as transaction:
            return await people.by_telegram_id(transaction, telegram_id)

    async def known(self, telegram_id: int = MEI, **columns: Any) -> Person:
        """Make a person with these columns, who has not agreed unless the columns say so."""
        async with self.database.begin() as transaction:
            person = await people.get_or_create(transaction, telegram_id, language="zh")
            if columns:
                await people.change(transaction, person.person_id, **columns)
            found = await people.by_id(transaction, person.person_id)
        assert found is not None
        return found

    async def agreed(self, telegram_id: int = MEI, **columns: Any) -> Person:
        """Make a person who has agreed."""
        values = {"consent_at": self.clock(), "consent_version": "1", "age_band": "adult"}
        return await self.known(telegram_id, **{**values, **columns})

    async def operator(self) -> Operator:
        async with self.database.read() as transaction:
            return (await operators.listed(transaction))[0]

    async def case(self, telegram_id: int = MEI) -> Case | None:
        """The open case of a person."""
        person = await self.person(telegram_id)
        assert person is not None
        async with self.database.read() as transaction:
            return await cases.open_case(transaction, person.person_id)

    async def turns(self, telegram_id: int = MEI) -> list[Turn]:
        person = await self.person(telegram_id)
        assert person is not None
        async with self.database.read() as transaction:
            return await transcripts.history(transaction, person.person_id)

    async def ends(self) -> list[str]:
        """Why the rows of the inbox ended, in order; empty for one that is open."""
        async with self.database.read() as transaction:
            query = select(inbox_rows.c.reason).order_by(inbox_rows.c.update_id)
            return [reason or "" for reason in (await transaction.execute(query)).scalars()]

    async def queued(self, kind: str = "") -> list[str]:
        """The texts of the open messages in the outbox, in order; of one kind, if given."""
        async with self.database.read() as transaction:
            query = select(outbox_rows).order_by(outbox_rows.c.outbox_id)
            rows = (await transaction.execute(query)).all()
            return [
                (await _body(transaction, row)).text
                for row in rows
                if row.body is not None and kind in ("", row.kind)
            ]


async def _body(transaction: Transaction, row: Any) -> MessageBody:
    owner = row.person_id if row.person_id is not None else keys.SERVICE
    return from_json(await keys.unseal(transaction, owner, row.body, SEAL_CONTEXT))


class Heart(Rows):
    """The rooms that decide who answers."""

    def __init__(self, context: Context, clock: ManualClock[datetime]) -> None:
        super().__init__(context.database, clock)
        self.context = context
        self.texts = context.texts
        self.operators = operators_room.build(context)
        self.crisis = crisis_room.build(context, self.operators)
        self.people = people_room.build(context, self.operators, self.crisis, is_demo=False)

    def opening(self, key: str) -> str:
        """A text up to the first place that is filled in."""
        return self.texts("zh", key).split("{", 1)[0]

    async def heard(self, person: Person, text: str, **values: Any) -> Utterance:
        """Store words as intake does; what waits for an answer now."""
        update_id = UpdateId(next(numbers))
        screening: Screening = self.crisis.screener.screen(text)
        async with self.database.begin() as transaction:
            await inbox.add(
                transaction,
                update_id,
                kind=UpdateKind.WORDS,
                payload="{}",
                person_id=person.person_id,
                level=int(screening.level),
            )
        return Utterance(person, [update_id], text, screening, **values)

    async def takes_over(self) -> Case:
        """The operator takes over the conversation of the open case."""
        actor, case = await self.operator(), await self.case()
        assert case is not None
        async with self.database.begin() as transaction:
            return await self.operators.takeover.begin(transaction, actor, case.case_id)


class House(Rows):
    """A whole service.

    Attributes:
        parts: the service.
        model: what writes its replies.
    """

    def __init__(self, parts: Parts, model: ScriptedModel, clock: ManualClock[datetime]) -> None:
        super().__init__(parts.database, clock)
        self.parts = parts
        self.model = model

    async def receives(self, *texts: str, **fields: Any) -> None:
        """Take messages as Telegram sends them, and wait until they are handled."""
        for text in texts:
            await self.parts.receiving.intake.receive(update(text, **fields))
        await until(lambda: not self.parts.receiving.lanes.is_busy)

    async def who_answers(self, *texts: str) -> str:
        """Say who answers messages: an interceptor, the model, or else why their rows ended."""
        asked = len(self.model.requests)
        with capture_logs() as logs:
            await self.receives(*texts)
        by = [str(log["by"]) for log in logs if log["event"] == "intercepted"]
        if by or len(self.model.requests) > asked:
            return by[0] if by else "model"
        return (await self.ends())[-1]


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
    kind = "edited_message" if "edit_date" in fields else "message"
    return {"update_id": number, kind: message}


@asynccontextmanager
async def heart(folder: Path, template: Path, **settings: Any) -> AsyncIterator[Heart]:
    """Build the rooms that decide who answers, on a new database."""
    shutil.copy(template, folder / "pica.db")
    clock = ManualClock(NOON)
    context = Context.open(offline(folder, **settings), clock=clock)
    await prepare(context)
    try:
        yield Heart(context, clock)
    finally:
        await context.database.aclose()


@asynccontextmanager
async def house(
    folder: Path, template: Path, *, model: ScriptedModel | None = None, **settings: Any
) -> AsyncIterator[House]:
    """Build a service on a new database."""
    model, clock = model or ScriptedModel(), ManualClock(NOON)
    shutil.copy(template, folder / "pica.db")
    async with Sandbox(limits=Limits.off()) as sandbox:  # python-telegram-bot asks who it is
        values = {"burst_window_s": 0.0, "streaming": "off", **settings}
        parts = build(demo_settings(sandbox, folder, **values), model, clock=clock)
        await parts.context.application.initialize()
        await prepare(parts.context)
        try:
            yield House(parts, model, clock)
        finally:
            await parts.receiving.lanes.aclose()
            await parts.context.application.shutdown()
            await parts.database.aclose()


def offline(folder: Path, **settings: Any) -> Settings:
    """Settings of a service that never reaches Telegram."""
    values = {
        "telegram_token": SecretStr("1:a"),
        "secret_key": SecretStr(new_secret_key()),
        "data_dir": folder,
        "operators": frozenset({ADMIN}),
        "operators_chat": OPERATORS_CHAT,
        **settings,
    }
    return Settings(_env_file=None, **values)


async def prepare(context: Context) -> None:
    """Write what the start of a service writes."""
    async with context.database.begin() as transaction:
        await keys.check(transaction)
        await roster.seed(transaction, context.settings.operators, language="zh")
