"""What the engine emits for its requests, step by step, and the error that ends it."""

from dataclasses import dataclass

from inference.requests import GenerationError


class EngineLost(Exception):  # noqa: N818  says what happened
    """Nothing can be computed any more; only a new process helps."""


@dataclass(frozen=True, slots=True)
class Output:
    """The result of one step for one request.

    Attributes:
        request_id: The request.
        text: New text that may be shown; can be empty.
        ids: New token ids, the end of sequence included.
        done: Nothing more follows.
        error: Why the request failed; `done` is then true.
    """

    request_id: str
    text: str = ""
    ids: tuple[int, ...] = ()
    done: bool = False
    error: GenerationError | None = None


class OutputBuffer:
    """Outputs until they are drained, even if the step fails afterwards."""

    def __init__(self) -> None:
        self._outputs: list[Output] = []

    def add(self, request_id: str, text: str, token: int, *, done: bool) -> None:
        """Add the next token of a reply."""
        self._outputs.append(Output(request_id, text, (token,), done=done))

    def fail(self, request_id: str, error: GenerationError) -> None:
        """Add the end of a request that failed."""
        self._outputs.append(Output(request_id, done=True, error=error))

    def drain(self) -> list[Output]:
        """Return all outputs since the last call."""
        outputs, self._outputs = self._outputs, []
        return outputs
