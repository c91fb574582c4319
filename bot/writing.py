"""The model's words, sentence by sentence, past the guard.

Knows nothing of who asked or of what becomes of the reply. No transaction is open meanwhile.
"""

import re
import time
from contextlib import aclosing
from dataclasses import replace

from bot.drafts import Draft
from bot.metrics import Metrics
from inference import GenerationError, GenerationRequest, InferenceWorker
from safety.guard import Guard, strip_artefacts

SENTENCE = re.compile(r"[^。！？!?\n]*[。！？!?\n]+[”’」』）)]*")


class Writer:
    """Lets the model write, and shows what may be shown."""

    def __init__(self, worker: InferenceWorker, guard: Guard, metrics: Metrics) -> None:
        self._worker = worker
        self._guard = guard
        self._metrics = metrics

    async def write(self, request: GenerationRequest, draft: Draft, started: float) -> str:
        """Let the model write, and write anew once where it had nothing to say.

        Returns:
            The reply, or nothing where the guard stopped it.

        Raises:
            GenerationError: the model failed, or wrote nothing twice.
        """
        for number in (1, 2):
            again = replace(request, request_id=f"{request.request_id}-{number}")
            words = await self._once(again, draft, started)
            if words is not None:
                return words
        raise GenerationError("engine_failed", "empty reply")

    async def _once(self, request: GenerationRequest, draft: Draft, started: float) -> str | None:
        """Show every whole sentence that passes the guard; None where nothing was written."""
        text = passed = ""
        async with aclosing(self._worker.stream(request)) as deltas:  # type: ignore[type-var]
            async for delta in deltas:
                if not text:
                    self._metrics.first_word.observe(time.monotonic() - started)
                text += delta
                clean = strip_artefacts("".join(SENTENCE.findall(text))).strip()
                if len(clean) <= len(passed):
                    continue
                if not self._passes(clean):
                    return ""
                passed = clean
                draft.show(clean)
        final = strip_artefacts(text).strip()
        if not final:
            return None
        return final if final == passed or self._passes(final) else ""

    def _passes(self, words: str) -> bool:
        verdict = self._guard.check(words)
        if not verdict.allowed:
            self._metrics.guard_stops.labels(verdict.reason or "unknown").inc()
        return verdict.allowed
