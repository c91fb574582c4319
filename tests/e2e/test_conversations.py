"""Written conversations go through the crisis scripts, and each reply is judged by a table.

All people write at the same time, turn by turn, to one service.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from bot.service.lifecycle import Service
from sandbox import Sandbox, SandboxUser
from storage.companion import transcripts
from storage.companion.conversations import Speaker
from storage.review import cases
from tests.e2e.conftest import newcomer_agrees, person_of
from tests.support.waiting import at_rest

DATA = yaml.safe_load(
    (Path(__file__).parents[1] / "data" / "conversations.yaml").read_text("utf-8")
)
# What no reply in a crisis may say: a failure, or a promise that a person comes.
FORBIDDEN = re.compile(
    r"出了点问题|没能回答|一定会有人(?:来|到)|马上就有人"
    r"|went wrong|will come to you|someone will come"
)


@dataclass
class Talk:
    """A conversation on its way, and what was wrong with it."""

    written: dict[str, Any]
    user: SandboxUser
    replies: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def turns(self) -> Iterator[tuple[str, list[str]]]:
        """Yield what is said and the names of its judgements."""
        for turn in self.written["turns"]:
            yield from turn.items()

    def judge(self, said: str, names: list[str], reply: str) -> None:
        """Note what the reply lacks and what it must not say."""
        language = self.written["language"]
        if not reply:
            self.wrong.append(f"{said!r} has no reply")
        if FORBIDDEN.search(reply):
            self.wrong.append(f"{said!r} is answered by a failure or a promise")
        if reply and reply in self.replies:
            self.wrong.append(f"{said!r} is answered as before")
        for name in names:
            pattern = DATA["judgements"][name.removeprefix("!")][language]
            if bool(re.search(pattern, reply)) == name.startswith("!"):
                self.wrong.append(f"{said!r}: {name} does not hold: {reply!r}")
        self.replies.append(reply)


async def test_every_reply_says_what_it_must(service: Service, sandbox: Sandbox) -> None:
    talks = [
        Talk(row, sandbox.add_user(language_code=row["language"])) for row in DATA["conversations"]
    ]
    await asyncio.gather(*(newcomer_agrees(talk.user, talk.written["language"]) for talk in talks))
    running = {id(talk): talk.turns() for talk in talks}
    while pending := [
        (talk, *turn) for talk in talks if (turn := next(running[id(talk)], None)) is not None
    ]:
        sent = await asyncio.gather(*(write(talk.user, said) for talk, said, _ in pending))
        await at_rest(service, sandbox)
        for (talk, said, names), message_id in zip(pending, sent, strict=True):
            talk.judge(said, names, said_after(talk.user, message_id))
    for talk in talks:
        await judge_case(service, talk)
    wrong = [f"{talk.written['name']}: {fault}" for talk in talks for fault in talk.wrong]
    assert not wrong, "\n".join(wrong)


async def write(user: SandboxUser, said: str) -> int:
    """Send a line, or what stands for a button, a voice message, a photo or a sticker."""
    match said.strip("<>").split() if said.startswith("<") else []:
        case ["press", data]:
            last = user.last
            assert last is not None
            await user.press(data)
            return last.message_id
        case ["voice"]:
            return await user.send_voice()
        case ["photo"]:
            return await user.send_photo()
        case ["sticker"]:
            return await user.send_sticker()
        case _:
            return await user.say(said)


def said_after(user: SandboxUser, message_id: int) -> str:
    """Return all that the bot has written since a message."""
    texts = [m.text for m in user.messages if m.from_bot and m.message_id > message_id]
    return "\n".join(texts)


async def judge_case(service: Service, talk: Talk) -> None:
    """Note a case of another level, and words of the model in the crisis."""
    person = await person_of(service, talk.user)
    assert person is not None
    async with service.parts.database.read() as transaction:
        case = await cases.open_case(transaction, person.person_id)
        turns = await transcripts.history(transaction, person.person_id)
    level = case.level if case else 0
    if level != talk.written["case"]:
        talk.wrong.append(f"the case is of level {level}")
    if any(turn.role == Speaker.COMPANION for turn in turns):
        talk.wrong.append("the model has written")
