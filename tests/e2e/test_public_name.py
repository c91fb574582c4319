"""An operator chooses the name that people read before each of their messages."""

import pytest

from bot.service.lifecycle import Service
from bot.texts import LANGUAGES, Texts
from sandbox import Sandbox
from storage.companion import transcripts
from tests.e2e.conftest import answer_to, newcomer_agrees, person_of

GRAVE = {"zh": "我想自杀", "en": "I want to kill myself"}
MARKED = {"zh": "👤 林（值守人员）：我在。", "en": "👤 林 (person on duty): 我在。"}
UNNAMED = {"zh": "👤 值守人员：还在。", "en": "👤 A person on duty: 还在。"}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_a_chosen_name_stands_before_the_words_of_an_operator(
    service: Service, sandbox: Sandbox, texts: Texts, language: str
) -> None:
    operator, chat = sandbox.operator, sandbox.operators_chat_id
    await newcomer_agrees(operator, "en")
    for bad in ("/name @lin", "/name 林 t.me/x", "/name " + "林" * 41):
        assert await answer_to(operator, bad) == texts("zh", "bad_public_name")
    assert await answer_to(operator, "/name") == texts("zh", "public_name_none")
    assert await answer_to(operator, "/name  林") == texts("zh", "public_name", name="林")
    user = sandbox.add_user(language_code=language)
    await newcomer_agrees(user, language)
    await answer_to(user, GRAVE[language])
    await operator.wait_for("#1", chat_id=chat, timeout_s=20)
    await operator.press_in_group(chat, "case:1:takeover")
    await user.wait_for(texts(language, "human_joined_named", name="林"), timeout_s=20)
    thread = next(iter(sandbox.topics(chat)))
    await operator.say_in_group(chat, "/reply 我在。", thread_id=thread)
    await user.wait_for(lambda m: m.text == MARKED[language], timeout_s=20)
    assert await answer_to(operator, "/name -") == texts("zh", "public_name_none")
    await operator.say_in_group(chat, "/reply 还在。", thread_id=thread)
    await user.wait_for(lambda m: m.text == UNNAMED[language], timeout_s=20)
    person = await person_of(service, user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        turns = await transcripts.history(transaction, person.person_id)
    assert [t.text for t in turns if t.role == "operator"] == ["我在。", "还在。"]


async def test_other_people_have_no_such_command(
    service: Service, sandbox: Sandbox, texts: Texts
) -> None:
    user = sandbox.add_user()
    await newcomer_agrees(user)
    assert await answer_to(user, "/name 林") == texts("zh", "unknown_command")
