"""One request while it runs: its tokens, its text so far, when it ends."""

from __future__ import annotations

from inference.engine.sampler import TokenSampler
from inference.engine.stop_strings import StopText
from inference.loading.tokenizer import ChatTokenizer
from inference.requests import GenerationRequest


class Sequence:
    """Tokens of prompt and reply, and how many of them have keys and values in the cache.

    Attributes:
        ids: Prompt and reply so far.
        num_cached: How many of `ids` have keys and values in the cache.
        slot: Where, while it runs.
        is_prepared: The conversation's kept turns have been looked up.
        restarts: How often the engine restarted while it ran.
        had_all_room: Memory ran short although it had all that others could leave it.
        keep_after_finish: The cache may be kept for the conversation's next turn.
        sampler: Its own choice of tokens.
        finished: The reply has ended by itself.
    """

    def __init__(
        self, request: GenerationRequest, tokenizer: ChatTokenizer, *, max_new_tokens: int
    ) -> None:
        self.request = request
        self.ids = list(request.prompt_ids)
        self.num_cached = 0
        self.slot: int | None = None
        self.is_prepared = False
        self.restarts = 0
        self.had_all_room = False
        self.keep_after_finish = request.conversation is not None
        self.sampler = TokenSampler(request.sampling, request.prompt_ids, tokenizer.end_ids)
        self.finished = False
        self._eos_ids = tokenizer.eos_ids
        self._decoder = tokenizer.stream()
        self._stop = StopText()
        self._left = max_new_tokens

    @property
    def num_uncached(self) -> int:
        """Tokens that still have to go through the model; with 1 it is ready for the next token."""
        return len(self.ids) - self.num_cached

    def leave_slot(self) -> None:
        """Give up the slot and what is cached there."""
        self.slot = None
        self.drop_cached()

    def drop_cached(self) -> None:
        """Count all of `ids` as uncached again."""
        self.is_prepared = False
        self.num_cached = 0

    def append(self, token_id: int) -> str:
        """Append the next token of the reply; return the text that may now be shown."""
        self.ids.append(token_id)
        self.sampler.note(token_id)
        self._left -= 1
        ended = token_id in self._eos_ids
        text = self._stop.feed("" if ended else self._decoder.feed(token_id))
        self.finished = ended or self._stop.reached or self._left == 0
        if self.finished and not self._stop.reached:
            text += self._stop.feed(self._decoder.finish()) + self._stop.finish()
        return text
