"""The room of the conversation, built alone: words go in, a reply waits in the outbox."""

import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr
from telegram import Update

from bot.context import Context
from bot.conversation import room as conversation_room
from bot.conversation.room import ConversationRoom
from bot.conversation.turn_handler import TurnHandler
from bot.crisis import room as crisis_room
from bot.operators import room as operators_room
from bot.people import room as people_room
from bot.settings import Settings
from bot.updates.arrivals import Arrival, Burst
from bot.updates.parsing import UpdateKind
from safety.screening.screener import Screener
from storage import new_secret_key
from storage.companion import people
from storage.companion.people import Person
from storage.database import keys
from storage.ids import UpdateId
from storage.messages import inbox, outbox_queue
from storage.messages.outbox import MessageKind, OutboxMessage
from tests.support.scripted_model import ScriptedModel

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
async def context(
    tmp_path: Path, sqlite_template: Path, screener: Screener
) -> AsyncIterator[Context]:
    shutil.copy(sqlite_template, tmp_path / "pica.db")
    settings = Settings(
        _env_file=None,  # type: ignore[call-arg]
        telegram_token=SecretStr("1:a"),
        secret_key=SecretStr(new_secret_key()),
        data_dir=tmp_path,
        streaming="off",
    )
    context = Context.open(settings, clock=lambda: NOW)
    async with context.database.begin() as transaction:
        await keys.check(transaction)
    yield context
    await context.database.aclose()


def built(context: Context, model: ScriptedModel) -> ConversationRoom:
    operators = operators_room.build(context)
    crisis = crisis_room.build(context, operators)
    people = people_room.build(context, operators, crisis, is_demo=False)
    return conversation_room.build(
        context,
        model,
        crisis=crisis,
        shadow=operators.shadow,
        quota=people.quota,
        legal_notices=people.legal_notices,
        interceptors=(crisis.interceptors.reply, people.onboarding, people.quota),
    )


async def newcomer(context: Context, *, has_consented: bool) -> Person:
    async with context.database.begin() as transaction:
        person = await people.get_or_create(transaction, 42, language="zh")
        if has_consented:
            await people.change(transaction, person.person_id, consent_at=NOW, age_band="adult")
    return person


async def says(context: Context, turns: TurnHandler, person: Person, text: str) -> None:
    """Store words as intake does, and let the room answer them."""
    update_id = UpdateId(1)
    async with context.database.begin() as transaction:
        await inbox.add(
            transaction, update_id, kind=UpdateKind.WORDS, payload="{}", person_id=person.person_id
        )
    screening = Screener.load().screen(text)
    arrival = Arrival(
        update_id, person.person_id, UpdateKind.WORDS, Update(update_id), text, screening
    )
    await turns.answer(Burst(person.person_id, [arrival]))


async def queued(context: Context) -> list[OutboxMessage]:
    async with context.database.read() as transaction:
        return await outbox_queue.next_messages(transaction, limit=10)


async def test_a_first_message_gets_the_reply_of_the_model(context: Context) -> None:
    model = ScriptedModel(["我在，慢慢说。"])
    person = await newcomer(context, has_consented=True)
    await says(context, built(context, model).turns, person, "今天有点累")
    (message,) = await queued(context)
    assert message.kind is MessageKind.REPLY
    assert message.body.text.startswith("我在，慢慢说。")
    assert model.prompts()[0].endswith("今天有点累")
    async with context.database.read() as transaction:
        assert not await inbox.count_open(transaction)


@pytest.mark.parametrize(
    ("has_consented", "text", "kind"),
    [(True, "我想自杀", MessageKind.CRISIS), (False, "你好", MessageKind.NOTICE)],
)
async def test_an_interceptor_answers_instead_of_the_model(
    context: Context, has_consented: bool, text: str, kind: MessageKind
) -> None:
    model = ScriptedModel()
    person = await newcomer(context, has_consented=has_consented)
    await says(context, built(context, model).turns, person, text)
    assert kind in [message.kind for message in await queued(context)]
    assert not model.requests
