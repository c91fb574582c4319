"""Real questions get true answers over the real service, in both languages and in any state."""

from collections.abc import Awaitable, Callable

import pytest

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from storage.review import cases
from tests.e2e.conftest import answer_to, newcomer_agrees, person_of
from tests.e2e.operators_cast import told

Start = Callable[..., Awaitable[Service]]
LANGUAGES = ("zh", "en")
WORDS = {
    "identity": {"zh": "你是真人吗", "en": "are you a real person?"},
    "privacy": {"zh": "你会告诉我爸妈吗", "en": "will you tell my parents?"},
    "lines": {"zh": "给我求助电话", "en": "can you give me a hotline"},
    "human": {"zh": "我想跟真人聊", "en": "can i talk to a human"},
}
GRAVE = {"zh": "我想自杀", "en": "I want to kill myself"}
REGION = {"zh": "CN", "en": "US"}
NUMBER = {"zh": "12356", "en": "988"}
NOBODY: dict[str, object] = {"operators": frozenset(), "operators_chat": None}


def beginning(texts: Texts, language: str, key: str) -> str:
    """A text up to the first place that is filled in."""
    return texts(language, key).split("{", 1)[0]


async def in_region(user: SandboxUser, texts: Texts, language: str) -> None:
    await newcomer_agrees(user, language)
    await user.press(f"region:{REGION[language]}")
    await user.wait_for(texts(language, "region_saved"), timeout_s=20)


async def case_of(service: Service, user: SandboxUser) -> cases.Case | None:
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        return await cases.open_case(transaction, person.person_id)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_before_consent(
    sandbox: Sandbox, service: Service, texts: Texts, language: str
) -> None:
    user = sandbox.add_user(language_code=language)
    await user.say("/start")
    await user.wait_for("AI", timeout_s=20)
    for kind in ("identity", "privacy", "lines"):
        answer = await answer_to(user, WORDS[kind][language])
        assert answer.startswith(beginning(texts, language, f"request_{kind}"))
        assert texts(language, "request_start") in answer
    assert texts(language, "request_privacy_unconsented", hours=24) in await answer_to(
        user, WORDS["privacy"][language]
    )
    await user.press("consent:yes")  # the first page still works
    await user.wait_for(texts(language, "ask_age"), timeout_s=20)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_human_with_operators(
    sandbox: Sandbox, service: Service, texts: Texts, language: str
) -> None:
    user = sandbox.add_user(language_code=language)
    await in_region(user, texts, language)
    answer = await answer_to(user, WORDS["human"][language])
    assert texts(language, "request_human_told", minutes=30) in answer
    assert NUMBER[language] in answer
    chat = sandbox.operators_chat_id
    notice = await sandbox.operator.wait_for(told("case_asked", case=1), chat_id=chat, timeout_s=20)
    assert WORDS["human"][language] in notice.text
    again = await answer_to(user, "/human")
    assert texts(language, "request_human_waits", minutes=30) in again
    case = await case_of(service, user)
    assert case is not None
    assert case.case_id == 1
    assert case.hold_until_at is None
    # An operator takes over from the notice, as in any case.
    await sandbox.operator.press_in_group(chat, "case:1:takeover")
    await user.wait_for(texts(language, "human_joined"), timeout_s=20)
    assert await answer_to(user, "/human") == texts(language, "request_human_joined")


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_human_without_operators(
    sandbox: Sandbox, start: Start, texts: Texts, language: str
) -> None:
    service = await start(**NOBODY)
    user = sandbox.add_user(language_code=language)
    await in_region(user, texts, language)
    answer = await answer_to(user, WORDS["human"][language])
    assert answer.startswith(texts(language, "request_human_nobody"))
    assert NUMBER[language] in answer
    assert texts(language, "request_privacy_no_people") in await answer_to(
        user, WORDS["privacy"][language]
    )
    assert texts(language, "request_identity_no_people") in await answer_to(
        user, WORDS["identity"][language]
    )
    assert await case_of(service, user) is None


@pytest.mark.parametrize("language", LANGUAGES)
async def test_in_a_hold_by_words_and_by_button(
    sandbox: Sandbox, service: Service, texts: Texts, language: str
) -> None:
    user = sandbox.add_user(language_code=language)
    await in_region(user, texts, language)
    crisis = await answer_to(user, GRAVE[language])
    assert crisis.startswith(beginning(texts, language, "crisis_suicide"))
    for kind in ("identity", "privacy", "lines"):
        answer = await answer_to(user, WORDS[kind][language])
        assert answer.startswith(beginning(texts, language, f"request_{kind}"))
        assert NUMBER[language] in answer
        assert answer.endswith(texts(language, "ask_risk"))  # the script waits for its answer
    await user.press("ask:human")
    answer = (
        await user.wait_for(beginning(texts, language, "request_human_told"), timeout_s=20)
    ).text
    assert NUMBER[language] in answer
    case = await case_of(service, user)
    assert case is not None
    assert case.is_asked
    # The script goes on where it was.
    yes = "嗯" if language == "zh" else "yes"
    assert texts(language, "ask_injured") in await answer_to(user, yes)


@pytest.mark.parametrize("language", LANGUAGES)
async def test_from_help_by_button(
    sandbox: Sandbox, service: Service, texts: Texts, language: str
) -> None:
    user = sandbox.add_user(language_code=language)
    await newcomer_agrees(user, language)
    help_text = await answer_to(user, "/help")
    assert "/human" in help_text
    assert "/sos" in help_text
    await user.press(texts(language, "ask_lines_button"))
    where = await user.wait_for(texts(language, "request_lines_where"), timeout_s=20)
    await user.press(f"ask:in:{REGION[language]}", message_id=where.message_id)
    await user.wait_for(NUMBER[language], timeout_s=20)
    await user.press(texts(language, "ask_human_button"))
    await user.wait_for(beginning(texts, language, "request_human_told"), timeout_s=20)
