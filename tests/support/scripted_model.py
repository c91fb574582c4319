"""A `LanguageModel` that says what a test has written down, without torch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field

from inference import GenerationError, GenerationRequest, WorkerHealth


class CharacterTokenizer:
    """One id for each character."""

    def encode_chat(self, query: str, history: Sequence[tuple[str, str]] = ()) -> list[int]:
        rounds = "".join(f"{question}\n{answer}\n" for question, answer in history)
        return [ord(character) for character in rounds + query] or [0]


Reply = str | Sequence[str] | GenerationError


@dataclass
class ScriptedModel:
    """Answers each request with the next reply: a text, its pieces, or an error.

    Without a reply left it repeats `default`.

    Attributes:
        replies: What it will say, in order.
        requests: What it was asked.
        forgotten: The conversations that it was told to forget.
        open: Ids of the requests whose reply is being read.
        pause_s: How long it waits before each piece.
    """

    replies: list[Reply] = field(default_factory=list)
    default: Reply = "嗯，我在听。"
    pause_s: float = 0.0
    context_length: int = 2048
    model_name: str = "scripted"
    is_demo: bool = False
    is_alive: bool = True
    waiting: list[str] = field(default_factory=list)
    requests: list[GenerationRequest] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    tokenizer: CharacterTokenizer = field(default_factory=CharacterTokenizer)

    def prompts(self) -> list[str]:
        """What it was asked, as text."""
        return ["".join(map(chr, request.prompt_ids)) for request in self.requests]

    async def stream(self, request: GenerationRequest) -> AsyncIterator[str]:
        if not self.is_alive:
            raise GenerationError("shutdown", "the worker takes no more requests")
        self.requests.append(request)
        reply = self.replies.pop(0) if self.replies else self.default
        if isinstance(reply, GenerationError):
            raise reply
        pieces: Iterable[str] = [reply] if isinstance(reply, str) else reply
        self.open.add(request.request_id)
        try:
            for piece in pieces:
                await asyncio.sleep(self.pause_s)
                yield piece
        finally:
            self.open.discard(request.request_id)

    def forget(self, conversation: str) -> None:
        self.forgotten.append(conversation)

    def place(self, request_id: str) -> int:
        return self.waiting.index(request_id) + 1 if request_id in self.waiting else 0

    def health(self) -> WorkerHealth:
        return WorkerHealth(
            alive=self.is_alive,
            running=len(self.open),
            waiting=len(self.waiting),
            resident=0,
            resident_bytes=0,
            restarts=0,
            last_step_age_s=0.0,
            steps=len(self.requests),
            device="cpu",
            dtype="float32",
        )

    async def aclose(self, *, grace_s: float = 10.0) -> None:
        self.is_alive = False
