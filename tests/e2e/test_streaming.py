"""A reply while it is written: drafts, edits or nothing, and then the whole text, once."""

from collections.abc import Awaitable, Callable

import pytest

from bot.service.lifecycle import Service
from bot.transport.text_split import LIMIT, utf16_length
from inference import InferenceWorker, Sampling
from sandbox import Sandbox, SandboxUser
from sandbox.screen import SandboxMessage
from storage.companion import transcripts
from storage.messages import outbox
from storage.messages.body import MessageBody
from storage.messages.outbox import MessageKind
from tests.e2e.conftest import newcomer_agrees, person_of
from tests.support.planned_runner import PlannedRunner
from tests.support.seeded_model import SeededModel
from tests.support.waiting import at_rest

Start = Callable[..., Awaitable[Service]]
WORDS = "妈妈总是拿我和别人比，我不知道该怎么办。"


@pytest.fixture
def worker(worker: InferenceWorker) -> SeededModel:
    """The demo model, which says the same every time."""
    return SeededModel(worker, Sampling(seed=1))


@pytest.fixture
def slow(worker: SeededModel, runner: PlannedRunner) -> None:
    """The model takes its time, so that there is something to be seen between."""
    runner.slow_down(0.03)


async def begin(start: Start, sandbox: Sandbox, mode: str) -> tuple[Service, SandboxUser]:
    service = await start(streaming=mode, max_new_tokens=90)
    user = sandbox.add_user()
    await newcomer_agrees(user)
    return service, user


def said_after(user: SandboxUser, message_id: int) -> list[SandboxMessage]:
    return [m for m in user.messages if m.from_bot and m.message_id > message_id]


async def answer_of(service: Service, sandbox: Sandbox, user: SandboxUser) -> str:
    """The companion's answer, as soon as it is kept and sent."""
    person = await person_of(service, user)
    assert person is not None
    await at_rest(service, sandbox)
    async with service.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    assert turns[-1].role == "companion"
    return turns[-1].text


@pytest.mark.usefixtures("slow")
async def test_drafts_grow_by_whole_sentences(start: Start, sandbox: Sandbox) -> None:
    service, user = await begin(start, sandbox, "draft")
    sent = await user.say(WORDS)
    answer = await answer_of(service, sandbox, user)
    drafts = user.draft_history
    assert drafts
    assert drafts == sorted(set(drafts), key=len)
    assert all(answer.startswith(draft) for draft in drafts)
    assert all(draft[-1] in "。！？!?”’」』）)" for draft in drafts)
    assert [m.text for m in said_after(user, sent)] == [answer]


@pytest.mark.usefixtures("slow")
async def test_an_edited_preview_becomes_the_reply(start: Start, sandbox: Sandbox) -> None:
    service, user = await begin(start, sandbox, "edit")
    sent = await user.say(WORDS)
    preview = await user.wait_for(None, after=sent, timeout_s=60)
    answer = await answer_of(service, sandbox, user)
    assert answer.startswith(preview.text)
    assert [m.text for m in said_after(user, sent)] == [answer]
    assert not sandbox.method_calls("sendMessageDraft")


@pytest.mark.usefixtures("slow")
async def test_a_preview_left_by_a_crash_is_taken_up(start: Start, sandbox: Sandbox) -> None:
    first, user = await begin(start, sandbox, "edit")
    sent = await user.say(WORDS)
    preview = await user.wait_for(None, after=sent, timeout_s=60)
    await first.aclose()
    second = await start(streaming="edit", max_new_tokens=90)
    answer = await answer_of(second, sandbox, user)
    seen = said_after(user, sent)
    assert [(m.message_id, m.text) for m in seen] == [(preview.message_id, answer)]


async def test_without_streaming_only_the_reply_is_seen(start: Start, sandbox: Sandbox) -> None:
    service, user = await begin(start, sandbox, "off")
    sent = await user.say(WORDS)
    answer = await answer_of(service, sandbox, user)
    assert [m.text for m in said_after(user, sent)] == [answer]
    assert not user.draft_history
    assert not sandbox.method_calls("editMessageText")


async def test_a_long_text_comes_in_parts(service: Service, user: SandboxUser) -> None:
    person = await person_of(service, user)
    assert person is not None
    text = "".join(f"第{number}句话，慢慢说😀。" for number in range(800))
    sent = await user.say("/help")
    last = await user.wait_for(None, after=sent, timeout_s=20)
    async with service.parts.database.begin() as transaction:
        await outbox.put(
            transaction, MessageKind.NOTICE, MessageBody(text), person_id=person.person_id
        )
    service.parts.delivery.wake()
    await user.wait_for("第799句", after=last.message_id, timeout_s=30)
    parts = [m.text for m in said_after(user, last.message_id)]
    assert "".join(parts) == text
    assert len(parts) > 1
    assert all(utf16_length(part) <= LIMIT and part.endswith("。") for part in parts)
