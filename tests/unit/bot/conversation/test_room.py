"""The room of the conversation, built alone: words go in, a reply waits in the outbox."""

import pytest
from telegram import Update

from bot.conversation import room as conversation_room
from bot.updates.arrivals import Arrival, Burst
from bot.updates.parsing import UpdateKind
from tests.support.house import Heart, OpenHeart
from tests.support.scripted_model import ScriptedModel


@pytest.fixture
async def rooms(open_heart: OpenHeart) -> Heart:
    return await open_heart(streaming="off")


async def says(rooms: Heart, model: ScriptedModel, text: str, *, has_consented: bool) -> None:
    """Store words as intake does, and let the room answer them."""
    room = conversation_room.build(
        rooms.context,
        model,
        crisis=rooms.crisis,
        shadow=rooms.operators.shadow,
        quota=rooms.people.quota,
        legal_notices=rooms.people.legal_notices,
        interceptors=(
            rooms.crisis.interceptors.reply,
            rooms.people.onboarding,
            rooms.people.quota,
        ),
    )
    person = await (rooms.agreed() if has_consented else rooms.known())
    heard = await rooms.heard(person, text)
    (update_id,) = heard.update_ids
    arrival = Arrival(
        update_id, person.person_id, UpdateKind.WORDS, Update(update_id), text, heard.screening
    )
    await room.turns.answer(Burst(person.person_id, [arrival]))


async def test_a_first_message_gets_the_reply_of_the_model(rooms: Heart) -> None:
    model = ScriptedModel(["我在，慢慢说。"])
    await says(rooms, model, "今天有点累", has_consented=True)
    (message,) = await rooms.queued("reply")
    assert message.startswith("我在，慢慢说。")
    assert model.prompts()[0].endswith("今天有点累")
    assert await rooms.ends() == ["reply"]


@pytest.mark.parametrize(
    ("has_consented", "text", "kind"),
    [(True, "我想自杀", "crisis"), (False, "你好", "notice")],
)
async def test_an_interceptor_answers_instead_of_the_model(
    rooms: Heart, has_consented: bool, text: str, kind: str
) -> None:
    model = ScriptedModel()
    await says(rooms, model, text, has_consented=has_consented)
    assert await rooms.queued(kind)
    assert not model.requests
