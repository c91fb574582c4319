"""What is asked of the model and how it can fail, as plain values without torch."""

import math
from dataclasses import dataclass, field
from typing import cast

# Beyond these, logits times or divided by them are no numbers any more.
LEAST_SCALE, MOST_SCALE = 1e-3, 1e3


def _check_whole(**values: object) -> None:
    for name, value in values.items():
        if type(value) is not int:
            raise ValueError(f"{name} must be a whole number")


def _check_numbers(**values: object) -> None:
    for name, value in values.items():
        if type(value) not in {int, float} or not math.isfinite(cast("float", value)):
            raise ValueError(f"{name} must be a finite number")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is chosen; the defaults are those of ChatGLM2's `chat()`.

    Attributes:
        temperature: From 0.001 to 1000; logits are divided by it.
        top_p: In (0, 1]; the smallest set of tokens that reaches this probability is kept.
        top_k: The most tokens kept; 0 keeps all.
        repetition_penalty: From 0.001 to 1000; 1.0 changes nothing. Counts prompt and
            reply, as transformers does.
        min_new_tokens: The reply does not end before it has so many; 0 lets it be empty.
        greedy: Take the most likely token; temperature, top_p and top_k are then unused.
        seed: Makes the draw repeatable; None draws a fresh seed for each request.
    """

    temperature: float = 0.8
    top_p: float = 0.8
    top_k: int = 50
    repetition_penalty: float = 1.0
    min_new_tokens: int = 0
    greedy: bool = False
    seed: int | None = None

    def __post_init__(self) -> None:
        _check_numbers(temperature=self.temperature, top_p=self.top_p)
        _check_numbers(repetition_penalty=self.repetition_penalty)
        _check_whole(top_k=self.top_k, min_new_tokens=self.min_new_tokens)
        if not LEAST_SCALE <= self.temperature <= MOST_SCALE:
            raise ValueError(
                f"temperature must be between {LEAST_SCALE} and {MOST_SCALE}; set greedy to take "
                "the most likely token"
            )
        if not 0 < self.top_p <= 1:
            raise ValueError("top_p must be above 0 and at most 1")
        if self.top_k < 0:
            raise ValueError("top_k must be 0 (all tokens) or more")
        if not LEAST_SCALE <= self.repetition_penalty <= MOST_SCALE:
            raise ValueError(
                f"repetition_penalty must be between {LEAST_SCALE} and {MOST_SCALE}; 1.0 changes "
                "nothing"
            )
        if self.min_new_tokens < 0:
            raise ValueError("min_new_tokens must be 0 or more")
        if self.seed is not None:
            _check_whole(seed=self.seed)
        if self.seed is not None and not 0 <= self.seed < 2**63:
            raise ValueError("seed must be between 0 and 2**63 - 1")


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """One reply to be written.

    Attributes:
        request_id: The caller's name for it.
        prompt_ids: Token ids, as `ChatTokenizer.encode_chat` returns them.
        max_new_tokens: The most tokens to generate, fewer if the context ends before.
        sampling: How tokens are chosen.
        priority: -8 to 8; each step up passes a quarter of all that can be here. From 4 on it is
            urgent: it passes all that wait without priority, and waiting places are kept for it.
        deadline_s: Seconds after which the request is given up, waiting or running; None: never.
        conversation: Requests of the same name are turns of one conversation, whose keys and
            values are kept from turn to turn; None keeps nothing. Used for fairness too.
    """

    request_id: str
    prompt_ids: tuple[int, ...]
    max_new_tokens: int = 512
    sampling: Sampling = field(default_factory=Sampling)
    priority: int = 0
    deadline_s: float | None = None
    conversation: str | None = None

    def __post_init__(self) -> None:
        if not self.prompt_ids:
            raise ValueError("prompt_ids must hold at least one token id")
        _check_whole(max_new_tokens=self.max_new_tokens, priority=self.priority)
        if not all(type(token_id) is int for token_id in self.prompt_ids):
            raise ValueError("prompt_ids must hold whole numbers only")
        if self.deadline_s is not None:
            _check_numbers(deadline_s=self.deadline_s)
        if self.max_new_tokens < 1:
            raise ValueError("max_new_tokens must be at least 1")
        if not -8 <= self.priority <= 8:
            raise ValueError("priority must be between -8 and 8")


class ModelError(Exception):
    """Model, tokenizer or prefix cannot be loaded; the message says why and what to do."""


class CheckpointError(ModelError):
    """A checkpoint cannot be loaded; the message says what is wrong and what to do."""


class PrefixError(ModelError):
    """A prefix cannot be loaded or does not fit the model; says why and what to do."""


class TokenizerError(ModelError):
    """A tokenizer's file is missing, unreadable or another model's; says what to do."""


class GenerationError(Exception):
    """A request failed; says whether asking again can help.

    Attributes:
        reason: One of `queue_full`, `prompt_too_long`, `bad_prompt`, `duplicate_id`, `deadline`,
            `out_of_memory`, `bad_logits`, `engine_failed`, `shutdown`.
        permanent: True if the same request can never succeed.
        place: For `queue_full`, the place in line it would have had, from 1.
    """

    def __init__(
        self, reason: str, detail: str = "", *, permanent: bool = False, place: int | None = None
    ) -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.permanent = permanent
        self.place = place
