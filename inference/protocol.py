"""What a caller may ask of a model that serves, whether `InferenceWorker` or a scripted one."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from inference.requests import GenerationRequest


@dataclass(frozen=True, slots=True)
class WorkerHealth:
    """A snapshot of a worker.

    Attributes:
        alive: The engine's thread runs and takes requests.
        running: Chats in the common step.
        waiting: Requests that wait for a slot.
        resident: Conversations whose keys and values are kept for their next turn.
        resident_bytes: Bytes that those hold.
        restarts: How often the engine restarted after a failed step.
        last_step_age_s: Seconds since a step ended; large and harmless while nothing runs.
        steps: Steps since the start.
        device: Where it computes.
        dtype: In which floating type.
    """

    alive: bool
    running: int
    waiting: int
    resident: int
    resident_bytes: int
    restarts: int
    last_step_age_s: float
    steps: int
    device: str
    dtype: str


class PromptTokenizer(Protocol):
    """Encodes prompts."""

    def encode_chat(self, query: str, history: Sequence[tuple[str, str]] = ()) -> list[int]:
        """Return prompt ids of (question, answer) rounds, oldest first, and of a new question."""
        ...


class LanguageModel(Protocol):
    """A model that serves many coroutines.

    Attributes:
        context_length: Tokens for prompt and reply together.
        model_name: The folder's or the hub's name.
        is_demo: True for the embedded demo model.
    """

    context_length: int
    model_name: str
    is_demo: bool

    @property
    def tokenizer(self) -> PromptTokenizer:
        """Encodes prompts."""
        ...

    def stream(self, request: GenerationRequest) -> AsyncIterator[str]:
        """Yield the reply's text, piece by piece; closing the generator frees its slot.

        Raises:
            GenerationError: The reply ends before it is whole.
        """
        ...

    def forget(self, conversation: str) -> None:
        """Erase what is kept of a conversation."""
        ...

    def place(self, request_id: str) -> int:
        """Return the place in line of a request that waits, from 1; else 0."""
        ...

    def health(self) -> WorkerHealth:
        """Return a snapshot at once."""
        ...

    async def aclose(self, *, grace_s: float = 10.0) -> None:
        """Refuse new requests, let running ones end for `grace_s`, then fail the rest."""
        ...
