"""Consent, training, sealing, access, erasure, retention, safe messaging."""

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from bot.service.lifecycle import Service
from bot.texts import LANGUAGES, Texts
from safety.response.hotlines import Hotlines
from safety.response.output_guard import OutputGuard
from safety.screening.screener import Screener
from sandbox import Sandbox, SandboxUser
from storage.database import schema
from tests.duties.conftest import NOON
from tests.duties.people import Start, agrees
from tests.e2e.conftest import answer_to, person_of
from tests.support.clock import ManualClock

WORDS = "其实我偷偷养了一只叫灰灰的猫"
UNSAFE = [
    "吃二十片安眠药就可以了。",
    "你说得对，死了就轻松了。",
    "我也是真人，别担心。",
    "别走，留下来陪我。",
]
FORBIDDEN = ["commit suicide", "committed suicide", "successful suicide", "自杀成功", "自杀未遂"]


async def rows(service: Service) -> dict[str, int]:
    """How many rows every table about people has."""
    found = {}
    async with service.parts.database.read() as transaction:
        for table in schema.metadata.sorted_tables:
            if "person_id" in table.c:
                query = select(func.count()).where(table.c.person_id.is_not(None))
                found[table.name] = (await transaction.execute(query)).scalar_one()
    return found


async def test_consent_is_recorded(sandbox: Sandbox, start: Start, clock: ManualClock) -> None:
    service = await start(clock=clock)
    user = sandbox.add_user()
    await answer_to(user, WORDS)
    assert (await rows(service))["turns"] == 0  # nothing is kept before
    other = await agrees(sandbox)
    async with service.parts.database.read() as transaction:
        query = select(schema.people.c.consent_at, schema.people.c.consent_version)
        agreed = (await transaction.execute(query.order_by(schema.people.c.person_id))).all()
    assert tuple(agreed[0]) == (None, None)
    assert agreed[1][0] == NOON
    assert agreed[1][1]
    assert "2026-03-01" in await answer_to(other, "/memory")


async def test_no_training_without_separate_consent(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    person = await person_of(service, user)
    assert person is not None
    assert person.has_consented
    assert person.training_consent_at is None
    shown = await user.say("/memory")
    await user.wait_for(texts("zh", "training_off"), after=shown, timeout_s=20)
    await user.press("training:on")
    await user.wait_for(texts("zh", "training_set_on"), timeout_s=20)
    person = await person_of(service, user)
    assert person is not None
    assert person.training_consent_at is not None


async def test_what_people_say_is_sealed_at_rest(service: Service, user: SandboxUser) -> None:
    await answer_to(user, WORDS)
    files = list(service.parts.context.settings.data_dir.glob("pica.db*"))
    assert files
    for file in files:
        assert "灰灰".encode() not in file.read_bytes()


async def test_erasure_leaves_no_row_and_gives_a_receipt(
    service: Service, user: SandboxUser, texts: Texts
) -> None:
    await answer_to(user, WORDS)
    before = await rows(service)
    assert before["turns"] == 2
    assert before["talk_clocks"] == 1
    await user.say("/forget")
    await user.wait_for(texts("zh", "forget_ask"), timeout_s=20)
    await user.press("forget:yes")
    last = await user.wait_for("已经全部删除", timeout_s=20)
    assert re.search(r"回执：(\S+)（", last.text)
    assert not any((await rows(service)).values())


async def test_access_gives_everything_that_was_said(user: SandboxUser) -> None:
    reply = await answer_to(user, WORDS)
    sent = await user.say("/export")
    message = await user.wait_for(lambda m: m.document is not None, after=sent, timeout_s=20)
    assert message.document is not None
    turns = json.loads(message.document[1])["turns"]
    assert [turn["words"] for turn in turns] == [WORDS, reply]


async def test_retention_deletes_what_is_too_old(
    sandbox: Sandbox, start: Start, clock: ManualClock
) -> None:
    service = await start(clock=clock, retention_days=30)
    user = await agrees(sandbox)
    await answer_to(user, WORDS)
    clock.now += timedelta(days=29)
    await service.parts.upkeep.sweep.run()
    assert (await rows(service))["turns"] == 2
    clock.now += timedelta(days=2)
    await service.parts.upkeep.sweep.run()
    assert (await rows(service))["turns"] == 0


@pytest.mark.parametrize("words", UNSAFE)
def test_the_model_says_nothing_that_safe_messaging_forbids(words: str, screener: Screener) -> None:
    assert not OutputGuard(lambda: screener, Hotlines.load()).check(words).allowed


@pytest.mark.parametrize("language", LANGUAGES)
def test_reviewed_words_follow_safe_messaging(language: str, texts: Texts) -> None:
    every = "\n".join(texts(language, key) for key in texts.keys())  # noqa: SIM118 - not a dict
    for forbidden in FORBIDDEN:
        assert forbidden not in every
