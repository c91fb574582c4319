"""People who ask an engine that is stepped by hand, and when its words came."""

from __future__ import annotations

from benchmarks.glm import Clock
from inference.engine.conversation_cache import ConversationCache
from inference.engine.engine import Engine
from inference.loading.source import OpenModel
from inference.requests import GenerationRequest, Sampling

PEOPLE, TURNS, QUESTION, REPLY = 16, 6, 40, 60
GREEDY = Sampling(greedy=True)


def words(seed: int, count: int) -> list[int]:
    """Token ids of a question."""
    return [(seed * 31 + place * 7) % 3900 + 5 for place in range(count)]


class Asker:
    """An engine, stepped by hand, and when the words came."""

    def __init__(self, opened: OpenModel, *, keeps: bool = True, **options: int) -> None:
        room = 4 << 30 if keeps else 0
        self.engine = Engine(
            opened,
            conversation_cache=ConversationCache(device_bytes=room),
            max_waiting=4096,
            **options,
        )
        self._numbers = 0

    def ask(self, prompt: list[int], tokens: int, conversation: str | None = None) -> str:
        self._numbers += 1
        name = str(self._numbers)
        self.engine.submit(
            GenerationRequest(
                name,
                tuple(prompt),
                max_new_tokens=tokens,
                sampling=GREEDY,
                conversation=conversation,
            )
        )
        return name

    def finish(self) -> dict[str, list[int]]:
        replies: dict[str, list[int]] = {}
        while self.engine.has_work:
            for output in self.engine.step():
                if output.error is not None:
                    raise output.error
                replies.setdefault(output.request_id, []).extend(output.ids)
        return replies

    def first_word(self, prompt: list[int], conversation: str | None) -> float:
        """Seconds until the first token; the rest of the reply follows unmeasured."""
        self.ask(prompt, REPLY, conversation)
        started = Clock.read()
        while not self.engine.step():
            pass
        taken = Clock.read() - started
        self.finish()
        return taken
