"""The generation of a reply, whose sentences the guard checks one by one.

No transaction is open meanwhile. The time limits count from the last word, so that a slow machine
can finish a long reply.
"""

import asyncio
import re
import time
from contextlib import aclosing
from dataclasses import replace

from bot.conversation.drafts import ReplyDraft
from bot.metrics import Metrics
from inference import GenerationError, GenerationRequest, LanguageModel
from safety.response.output_guard import OutputGuard, strip_artefacts

# The time limit of the first word, which includes the queue and the prefill.
FIRST_WORD_S = 600.0
# The time limit of each further word.
NEXT_WORD_S = 60.0
# The time limit of the whole reply.
LONGEST_S = 3600.0
# The reason of a failure in which the model wrote nothing, twice.
EMPTY_REPLY = "empty_reply"
ENDS = "。！？!?\n"
CLOSING = re.compile(r"[”’」』）)]*")


class ReplyGenerator:
    """Generates replies and shows each sentence that passes the guard.

    Args:
        worker: the model.
        guard: checks the model's text.
        metrics: counts the guard's stops.
        first_word_s: the time limit of the first word.
        next_word_s: the time limit of each further word.
    """

    def __init__(
        self,
        worker: LanguageModel,
        guard: OutputGuard,
        metrics: Metrics,
        *,
        first_word_s: float = FIRST_WORD_S,
        next_word_s: float = NEXT_WORD_S,
    ) -> None:
        self._worker = worker
        self._guard = guard
        self._metrics = metrics
        self._first_word_s = first_word_s
        self._next_word_s = next_word_s

    def place(self, request: GenerationRequest) -> int:
        """Return the request's place in the queue from 1, or 0 if it does not wait."""
        return max(self._worker.place(attempt.request_id) for attempt in _attempts(request))

    async def write(self, request: GenerationRequest, draft: ReplyDraft, started: float) -> str:
        """Generate a reply, with a second attempt if the first is empty.

        Returns:
            The reply, or "" if the guard blocked it.

        Raises:
            GenerationError: the model failed, or both attempts are empty.
        """
        for attempt in _attempts(request):
            reply = await self._once(attempt, draft, started)
            if reply is not None:
                return reply
        raise GenerationError(EMPTY_REPLY)

    async def _once(
        self, request: GenerationRequest, draft: ReplyDraft, started: float
    ) -> str | None:
        """Return the reply, "" if the guard blocked it, or None if the model wrote nothing."""
        text = passed = ""
        loop = asyncio.get_running_loop()
        try:
            async with (
                aclosing(self._worker.stream(request)) as deltas,  # type: ignore[type-var]
                asyncio.timeout(self._first_word_s) as limit,
            ):
                async for delta in deltas:
                    limit.reschedule(loop.time() + self._next_word_s)
                    if not text:
                        self._metrics.first_word.observe(time.monotonic() - started)
                    text += delta
                    clean = strip_artefacts(whole_sentences(text)).strip()
                    if len(clean) <= len(passed):
                        continue
                    if not self._passes(clean):
                        return ""
                    passed = clean
                    draft.show(clean)
        except TimeoutError as error:
            raise GenerationError("deadline", "no word came for too long") from error
        final = strip_artefacts(text).strip()
        if not final:
            return None
        return final if final == passed or self._passes(final) else ""

    def _passes(self, text: str) -> bool:
        verdict = self._guard.check(text)
        if not verdict.allowed:
            self._metrics.guard_stops.labels(verdict.reason or "unknown").inc()
        return verdict.allowed


def whole_sentences(text: str) -> str:
    """Return a text up to the end of its last whole sentence."""
    last = max(map(text.rfind, ENDS))
    closed = CLOSING.match(text, last + 1)
    return text[: closed.end()] if last >= 0 and closed else ""


def _attempts(request: GenerationRequest) -> list[GenerationRequest]:
    """Return the request twice, each with its own id."""
    return [replace(request, request_id=f"{request.request_id}-{n}") for n in (1, 2)]
