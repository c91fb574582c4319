"""What the engine says of its requests, step by step, and that it can say no more.

Knows neither torch nor how words come about, nor who reads them.
"""

from __future__ import annotations

from dataclasses import dataclass

from inference.requests import GenerationError


class EngineLost(Exception):  # noqa: N818  says what happened
    """Nothing can be computed any more; only a new process helps."""


@dataclass(frozen=True, slots=True)
class Output:
    """What one step did for one request.

    Attributes:
        request_id: Whose.
        text: New text that may be shown; can be empty.
        ids: New token ids, the end of sequence included.
        done: Nothing more follows.
        error: Why the request failed; then ``done`` is true.
    """

    request_id: str
    text: str = ""
    ids: tuple[int, ...] = ()
    done: bool = False
    error: GenerationError | None = None


class Outbox:
    """Outputs until they are taken. What is here is told even if the step fails afterwards."""

    def __init__(self) -> None:
        self._outputs: list[Output] = []

    def say(self, request_id: str, text: str, token: int, *, done: bool) -> None:
        """The next token of a reply."""
        self._outputs.append(Output(request_id, text, (token,), done=done))

    def fail(self, request_id: str, error: GenerationError) -> None:
        """The end of a request that came to no good."""
        self._outputs.append(Output(request_id, done=True, error=error))

    def take(self) -> list[Output]:
        """All that was said since the last time."""
        outputs, self._outputs = self._outputs, []
        return outputs
