"""Shadow review: a reply waits for an operator, and says where it was edited."""

import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.service.lifecycle import Service
from bot.texts import Texts
from inference import InferenceWorker, Sampling
from review.cases import labels
from review.cases.shadow_review import WAIT
from review.operators.access import RefusedError
from safety.evaluation.evaluate import messages
from sandbox import Sandbox, SandboxUser
from storage.companion import people, transcripts
from storage.companion.conversations import Speaker
from storage.review import audit_check
from storage.review.cases import Resolution
from storage.review.shadow_drafts import ShadowDraft
from tests.e2e.conftest import answer_to, newcomer_agrees, person_of
from tests.e2e.test_takeover import Desk
from tests.support.clock import OffsetClock
from tests.support.seeded_model import SeededModel
from tests.support.waiting import at_rest

Start = Callable[..., Awaitable[Service]]
HARM = "我妈又打我了，我身上都是伤"


@pytest.fixture
def worker(worker: InferenceWorker) -> SeededModel:
    """The demo model, which says the same every time."""
    return SeededModel(worker, Sampling(seed=3, min_new_tokens=2))


class Reader(Desk):
    """An operator who reads replies."""

    def __init__(
        self, service: Service, sandbox: Sandbox, user: SandboxUser, clock: OffsetClock
    ) -> None:
        super().__init__(service)
        self.service, self.sandbox, self.user, self.clock = service, sandbox, user, clock
        self.shadow = service.parts.operators.shadow

    async def agreed(self, texts: Texts) -> int:
        """Claim, ask, agree, switch on; the case."""
        case = await self.case(self.user, self.service)
        with pytest.raises(RefusedError, match="not_yours"):
            await self.do(self.shadow.ask, case.case_id)
        await self.do(self.parts.operators.desk.claim, case.case_id)
        with pytest.raises(RefusedError, match="no_consent"):
            await self.switch(case.case_id, on=True)
        await self.do(self.shadow.ask, case.case_id)
        await self.user.wait_for(texts("zh", "shadow_ask")[:10], timeout_s=20)
        await self.user.press("shadow:on")
        await self.user.wait_for(texts("zh", "shadow_set_on"), timeout_s=20)
        await self.switch(case.case_id, on=True)
        return case.case_id

    async def switch(self, case_id: int, *, on: bool) -> None:
        actor = await self.operator()
        async with self.parts.database.begin() as transaction:
            await self.shadow.switch(transaction, actor, case_id, on=on)  # type: ignore[arg-type]

    async def waits(self) -> ShadowDraft:
        """The next reply that waits."""
        person = await person_of(self.service, self.user)
        assert person is not None
        await at_rest(self.service, self.sandbox)
        async with self.parts.database.read() as transaction:
            return (await self.shadow.waiting(transaction, person.person_id))[-1]


@pytest.fixture
async def reader(start: Start, sandbox: Sandbox) -> Reader:
    clock = OffsetClock()
    service = await start(clock=clock)
    user = sandbox.add_user()
    await newcomer_agrees(user)
    await answer_to(user, HARM)
    return Reader(service, sandbox, user, clock)


async def said_by_companion(reader: Reader) -> list[str]:
    person = await person_of(reader.service, reader.user)
    assert person is not None
    async with reader.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    return [turn.text for turn in turns if turn.role is Speaker.COMPANION]


async def test_an_edited_reply_says_so_and_is_what_the_model_remembers(
    reader: Reader, texts: Texts
) -> None:
    await reader.agreed(texts)
    sent = await reader.user.say("我不知道该不该告诉老师")
    draft = await reader.waits()
    assert [m for m in reader.user.messages if m.from_bot and m.message_id > sent] == []
    await reader.do(reader.shadow.send, draft.draft_id, "可以先告诉你信任的那位老师。")
    reply = await reader.user.wait_for("可以先告诉你信任的那位老师。", after=sent, timeout_s=20)
    assert texts("zh", "shadow_edited") in reply.text
    assert (await said_by_companion(reader))[-1] == "可以先告诉你信任的那位老师。"
    with pytest.raises(RefusedError, match="draft_gone"):
        await reader.do(reader.shadow.send, draft.draft_id, "再来一次")


async def test_a_reply_that_nobody_reads_goes_as_it_is(reader: Reader, texts: Texts) -> None:
    await reader.agreed(texts)
    sent = await reader.user.say("我不知道该不该告诉老师")
    draft = await reader.waits()
    reader.clock.ahead = WAIT + timedelta(seconds=1)
    reply = await reader.user.wait_for(draft.words[:10], after=sent, timeout_s=20)
    assert texts("zh", "shadow_edited") not in reply.text


async def test_a_crisis_leaves_the_waiting_reply_behind(reader: Reader, texts: Texts) -> None:
    await reader.agreed(texts)
    await reader.user.say("我不知道该不该告诉老师")
    draft = await reader.waits()
    before = await said_by_companion(reader)
    sent = await reader.user.say("我想自杀")
    await reader.user.wait_for(texts("zh", "crisis_suicide")[:10], after=sent, timeout_s=20)
    with pytest.raises(RefusedError, match="draft_gone"):
        await reader.do(reader.shadow.send, draft.draft_id, draft.words)
    assert await said_by_companion(reader) == before


async def test_the_person_takes_it_back(reader: Reader, texts: Texts) -> None:
    case_id = await reader.agreed(texts)
    await reader.user.say("/memory")
    await reader.user.wait_for(texts("zh", "shadow_is_on"), timeout_s=20)
    await reader.user.press("shadow:off")
    await reader.user.wait_for(texts("zh", "shadow_set_off"), timeout_s=20)
    answer = await answer_to(reader.user, "今天下雨了")
    assert answer in await said_by_companion(reader)
    with pytest.raises(RefusedError, match="no_consent"):
        await reader.switch(case_id, on=True)


async def test_verdicts_and_edits_of_the_consenting_are_exported(
    reader: Reader, texts: Texts, tmp_path: Path
) -> None:
    case_id = await reader.agreed(texts)
    await reader.user.say("我不知道该不该告诉老师")
    draft = await reader.waits()
    await reader.do(reader.shadow.send, draft.draft_id, "可以先告诉你信任的那位老师。")
    await reader.do(reader.parts.operators.desk.resolve, case_id, Resolution.FALSE_ALARM)

    async def exported() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        async with reader.parts.database.read() as transaction:
            return (
                [row async for row in labels.verdicts(transaction)],
                [row async for row in labels.edits(transaction)],
            )

    assert await exported() == ([], [])  # nobody allowed the use of their words
    person = await person_of(reader.service, reader.user)
    assert person is not None
    async with reader.parts.database.begin() as transaction:
        await people.change(transaction, person.person_id, training_consent_at=person.created_at)
    verdicts, edits = await exported()
    assert [(row["text"], row["labels"]) for row in verdicts] == [(HARM, ["unrelated"])]
    assert [(row["draft"], row["reply"], row["is_edited"]) for row in edits] == [
        (draft.words, "可以先告诉你信任的那位老师。", True)
    ]
    file = tmp_path / "verdicts.jsonl"
    file.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in verdicts))
    assert [message.is_risk for message in messages(tmp_path)] == [False]
    async with reader.parts.database.read() as transaction:
        assert (await audit_check.verify(transaction)).broken_at is None
