"""One request while it runs: its tokens, its text so far, when it ends.

Knows nothing of the other requests, of tensors on a device or of threads.
"""

from __future__ import annotations

from inference.engine.sampler import TokenSampler
from inference.engine.stop_strings import StopText
from inference.loading.tokenizer import ChatTokenizer
from inference.requests import GenerationRequest


class Sequence:
    """Tokens of prompt and reply and how far their keys and values are stored.

    Attributes:
        ids: Prompt and reply so far.
        stored: How many of ``ids`` have keys and values in the cache.
        slot: Where, while it runs.
        opened: What was kept of its conversation has been looked for.
        restarts: How often the engine had to begin anew while it was running.
        had_all_room: Memory ran short though it had all that others could leave it.
        keeps: What is stored may be kept for the conversation's next turn.
        sampler: Its own choice of tokens.
        finished: The reply has ended by itself.
    """

    def __init__(
        self, request: GenerationRequest, tokenizer: ChatTokenizer, *, max_new_tokens: int
    ) -> None:
        self.request = request
        self.ids = list(request.prompt_ids)
        self.stored = 0
        self.slot: int | None = None
        self.opened = False
        self.restarts = 0
        self.had_all_room = False
        self.keeps = request.conversation is not None
        self.sampler = TokenSampler(request.sampling, request.prompt_ids, tokenizer.eos_id)
        self.finished = False
        self._eos_id = tokenizer.eos_id
        self._decoder = tokenizer.stream()
        self._stop = StopText()
        self._left = max_new_tokens

    @property
    def pending(self) -> int:
        """Tokens that still have to go through the model; 1 means: ready for the next token."""
        return len(self.ids) - self.stored

    def leave_slot(self) -> None:
        """Gives up the slot and what is stored there."""
        self.slot = None
        self.lose_stored()

    def lose_stored(self) -> None:
        """Nothing of it is in the cache any more; all of ``ids`` is pending again."""
        self.opened = False
        self.stored = 0

    def accept(self, token_id: int) -> str:
        """Takes the next token of the reply; returns the text that may now be shown."""
        self.ids.append(token_id)
        self.sampler.note(token_id)
        self._left -= 1
        ended = token_id == self._eos_id
        text = self._stop.feed("" if ended else self._decoder.feed(token_id))
        self.finished = ended or self._stop.reached or self._left == 0
        if self.finished and not self._stop.reached:
            text += self._stop.feed(self._decoder.finish()) + self._stop.finish()
        return text
