"""JSON lines in, replies out: many prompts through the engine, answers in the order asked."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inference.loading.source import ModelSource, open_model
from inference.loading.tokenizer import finish_text
from inference.requests import GenerationError, GenerationRequest, Sampling

if TYPE_CHECKING:
    from inference.engine.engine import Engine


class LineError(ValueError):
    """A line is not a question that can be answered; names its number, counted from 1."""

    def __init__(self, number: int, problem: str) -> None:
        super().__init__(f"line {number}: {problem}")
        self.number = number


@dataclass(slots=True)
class _Reply:
    prompt_ids: list[int]
    number: int
    ids: list[int] = field(default_factory=list)
    text: str = ""
    done: bool = False
    error: str = ""


def generate_lines(
    source: ModelSource,
    lines: Iterable[str],
    *,
    greedy: bool = False,
    max_new_tokens: int = 512,
    seed: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[dict[str, Any]]:
    """Answer `{"query": …, "history": [[question, answer], …]}`, one to a line.

    Up to `source.max_running` lines are answered together; empty lines are skipped.

    Args:
        source: The model.
        lines: JSON lines; `history` may be absent.
        greedy: Always the most likely token.
        max_new_tokens: The most tokens of a reply.
        seed: Makes draws repeatable; each line adds its number to it.
        progress: Called with (bytes read, bytes in all) while the weights load.

    Yields:
        In the order of the lines `{"text": …, "ids": […], "prompt_ids": […]}`. `ids` are the
        generated ids without the prompt, and with the end of sequence (2) if the model wrote it,
        as transformers' `generate` counts them. `text` is what `chat()` would return. A prompt that
        is too long gives `{"line": …, "error": …}`, and the others are answered.

    Raises:
        LineError: A line is not such JSON; all replies before it have been yielded.
        ValueError: Reading `lines` raised it, likewise.
        CheckpointError: The model cannot be loaded; likewise PrefixError and TokenizerError.
    """
    import torch

    from inference.engine.engine import Engine

    if source.threads is not None:
        torch.set_num_threads(source.threads)
    opened = open_model(source, progress=progress)
    engine = Engine(opened, max_running=source.max_running, max_waiting=0)

    def requests() -> Iterator[GenerationRequest]:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                own_seed = None if seed is None else seed + number
                sampling = Sampling(greedy=greedy, seed=own_seed)
                ids = opened.tokenizer.encode_chat(*parse_line(number, line))
                yield GenerationRequest(str(number), tuple(ids), max_new_tokens, sampling)

    yield from _answer_all(engine, requests(), source.max_running)


def _answer_all(
    engine: Engine, requests: Iterator[GenerationRequest], at_once: int
) -> Iterator[dict[str, Any]]:
    """Keep `at_once` requests running; a bad line ends it after the replies before it."""
    replies: deque[_Reply] = deque()
    problem: ValueError | None = None
    at_end = False
    while True:
        while not at_end and sum(not reply.done for reply in replies) < at_once:
            try:
                request = next(requests, None)
                at_end = request is None
                if request is not None:
                    replies.append(_submit(engine, request))
            except ValueError as error:  # a bad line, or one that cannot be read
                problem, at_end = error, True
        while replies and replies[0].done:
            yield _result(replies.popleft())
        if not replies:
            break
        _step(engine, {str(reply.number): reply for reply in replies})
    if problem is not None:
        raise problem


def _submit(engine: Engine, request: GenerationRequest) -> _Reply:
    number = int(request.request_id)
    try:
        engine.submit(request)
    except GenerationError as error:
        if error.reason != "prompt_too_long":
            raise LineError(number, str(error)) from error
        return _Reply([], number, done=True, error=str(error))
    return _Reply(list(request.prompt_ids), number)


def parse_line(number: int, line: str) -> tuple[str, list[tuple[str, str]]]:
    """Return query and history of one line.

    Raises:
        LineError: The line is not the expected JSON; says what is wrong.
    """
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LineError(number, "not JSON") from error
    if not isinstance(value, dict) or not isinstance(value.get("query"), str):
        raise LineError(number, 'not an object with a text "query"')
    history = value.get("history") or []
    pairs = isinstance(history, list) and all(
        isinstance(p, list) and len(p) == 2 and all(isinstance(part, str) for part in p)
        for p in history
    )
    if not pairs:
        raise LineError(number, '"history" must be a list of [question, answer] texts')
    return value["query"], [(question, answer) for question, answer in history]


def _step(engine: Engine, replies: dict[str, _Reply]) -> None:
    for output in engine.step():
        reply = replies[output.request_id]
        reply.text += output.text
        reply.ids += output.ids
        reply.done = output.done
        if output.error is not None:
            raise LineError(reply.number, str(output.error)) from output.error


def _result(reply: _Reply) -> dict[str, Any]:
    if reply.error:
        return {"line": reply.number, "error": reply.error}
    return {"text": finish_text(reply.text), "ids": reply.ids, "prompt_ids": reply.prompt_ids}
