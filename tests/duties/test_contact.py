"""A trusted contact: off by default, agreed to by both, told in a crisis."""

import re

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox
from tests.duties.people import RISK, agrees
from tests.e2e.conftest import answer_to
from tests.support.waiting import at_rest

WORSE = "我刚吞了一整瓶安眠药"


async def test_a_trusted_contact_is_told_if_the_person_chose_so(
    sandbox: Sandbox, service: Service, texts: Texts
) -> None:
    person, friend = await agrees(sandbox, age="14_17", region="CN"), sandbox.add_user()
    for words in ("/contact", "表姐", "小美"):
        said = await answer_to(person, words)
        if words == "/contact":
            await person.press("contact:add")
            await person.wait_for(texts("zh", "contact_ask_called"), timeout_s=20)
    link = re.search(r"start=(contact_\S+)", said)
    assert link is not None
    await answer_to(friend, f"/start {link[1]}")
    await friend.press("contact:yes:1")
    await person.wait_for(texts("zh", "contact_agreed_owner", called="表姐"), timeout_s=20)
    told = texts("zh", "contact_message").split("\n")[0].format(name="小美")
    await answer_to(person, RISK)
    await at_rest(service, sandbox)
    assert not any(told in m.text for m in friend.messages)  # off by default
    await answer_to(person, "/contact")
    await person.press("contact:on")
    await person.wait_for(texts("zh", "contact_turned_on", called="表姐"), timeout_s=20)
    await answer_to(person, WORSE)
    message = await friend.wait_for(told, timeout_s=20)
    assert "120" in message.text
    assert RISK not in message.text
