"""The model's words, sentence by sentence, past the guard.

No transaction is open meanwhile.

Time is counted from the last word and not over the whole: a slow machine must be able to finish a
reply, and nobody waits for ever for one that stands still.
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

FIRST_WORD_S = 600.0
"""The longest wait for the first word: in line, and while the prompt is read."""
NEXT_WORD_S = 60.0
"""The longest wait for each word after it."""
LONGEST_S = 3600.0
"""The longest that a reply may take in all, whatever its pace."""
ENDS = "。！？!?\n"
CLOSING = re.compile(r"[”’」』）)]*")


class ReplyGenerator:
    """Lets the model write, and shows what may be shown.

    Args:
        worker: the model.
        guard: checks its words.
        metrics: counts what the guard stops.
        first_word_s: the longest wait for the first word.
        next_word_s: the longest wait for each word after it.
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
        """The request's place in line, from 1; 0 where it does not wait."""
        return max(self._worker.place(each.request_id) for each in _attempts(request))

    async def write(self, request: GenerationRequest, draft: ReplyDraft, started: float) -> str:
        """Let the model write, and write anew once where it had nothing to say.

        Returns:
            The reply, or nothing where the guard stopped it.

        Raises:
            GenerationError: the model failed, or wrote nothing twice.
        """
        for attempt in _attempts(request):
            words = await self._once(attempt, draft, started)
            if words is not None:
                return words
        raise GenerationError("engine_failed", "empty reply")

    async def _once(
        self, request: GenerationRequest, draft: ReplyDraft, started: float
    ) -> str | None:
        """Show every whole sentence that passes the guard; None where nothing was written."""
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

    def _passes(self, words: str) -> bool:
        verdict = self._guard.check(words)
        if not verdict.allowed:
            self._metrics.guard_stops.labels(verdict.reason or "unknown").inc()
        return verdict.allowed


def whole_sentences(text: str) -> str:
    """Give a text up to the end of its last whole sentence."""
    last = max(map(text.rfind, ENDS))
    closed = CLOSING.match(text, last + 1)
    return text[: closed.end()] if last >= 0 and closed else ""


def _attempts(request: GenerationRequest) -> list[GenerationRequest]:
    """The same question twice, under names of their own."""
    return [replace(request, request_id=f"{request.request_id}-{n}") for n in (1, 2)]
