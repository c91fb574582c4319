"""Two operators in their group, and the words that put somebody there."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.service.lifecycle import Service
from bot.texts import Texts
from sandbox import Sandbox, SandboxUser
from sandbox.screen import SandboxMessage
from tests.support.waiting import until

TEXTS = Texts()
GRAVE = "我想自杀"
QUIET = "活着好没意思，有时候希望自己消失"


def told(key: str, **values: object) -> str:
    """A text of the operators' chat, up to the first place that is not given."""
    text = TEXTS("zh", key)
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text.split("{", 1)[0].strip()


@dataclass
class Group:
    """The operators' chat, and who is in it."""

    sandbox: Sandbox
    service: Service
    chat: int
    ann: SandboxUser
    bo: SandboxUser
    stranger: SandboxUser

    def said(self) -> list[SandboxMessage]:
        """What the bot said there so far, topics included."""
        return [m for m in self.ann.messages_in(self.chat) if m.from_bot]

    def topic(self, case: int = 1) -> int:
        """The topic of a case."""
        found = self._topics_of(case)
        assert len(found) == 1, self.topics()
        return found[0]

    def _topics_of(self, case: int) -> list[int]:
        return [i for i, name in self.topics().items() if name.startswith(f"#{case} ")]

    def topics(self) -> dict[int, str]:
        return self.sandbox.topics(self.chat)

    async def sees(
        self,
        what: str | Callable[[SandboxMessage], bool],
        *,
        after: int = 0,
        case: int | None = None,
        timeout_s: float = 20,
    ) -> SandboxMessage:
        """Wait for a message of the bot in the group, or in the topic of a case."""
        if case is not None:
            await until(lambda: bool(self._topics_of(case)))
        return await self.ann.wait_for(
            what,
            chat_id=self.chat,
            after=after,
            timeout_s=timeout_s,
            thread_id=self.topic(case) if case is not None else None,
        )

    async def presses(self, who: SandboxUser, verb: str, case: int = 1) -> None:
        await who.press_in_group(self.chat, f"case:{case}:{verb}")

    async def writes(
        self,
        who: SandboxUser,
        text: str,
        case: int | None = 1,
        *,
        reply_to: int | None = None,
    ) -> int:
        thread = self.topic(case) if case is not None else None
        return await who.say_in_group(self.chat, text, thread_id=thread, reply_to=reply_to)
