"""Talks as JSON lines, and the token ids and labels that a prefix learns from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from inference.loading.tokenizer import ChatTokenizer
from safety.text.utf8 import text_lines

IGNORED = -100


class TalksError(ValueError):
    """A file of talks cannot be trained on; names the file and the line."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer with what was said before it.

    Attributes:
        prompt: What the person said last.
        response: The answer to learn.
        history: (question, answer) of the rounds before, oldest first.
    """

    prompt: str
    response: str
    history: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EncodedSample:
    """Token ids, with `IGNORED` as the label of everything that is not the answer."""

    input_ids: list[int]
    labels: list[int]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What a file of talks holds for training.

    Attributes:
        encoded: The samples that fit, in the file's order.
        shortened: How many of them lost rounds at the front.
        refused: How many do not fit even without history; they are left out.
        digest: SHA-256 of the file.
    """

    encoded: list[EncodedSample]
    shortened: int
    refused: int
    digest: str


def read_samples(path: Path) -> list[Sample]:
    """Read JSON lines `{"prompt": …, "history": [[question, answer], …], "response": …}`.

    `history` may be absent. Empty lines are skipped.

    Raises:
        TalksError: A line is not such JSON, or the file holds no sample.
        NotUtf8Error: A line is in another encoding.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        samples = [
            _parse(f"{path.name}: line {number}", line)
            for number, line in enumerate(text_lines(file, path.name), start=1)
            if line.strip()
        ]
    if not samples:
        raise TalksError(f"{path.name} holds no sample. Give a file with a talk on each line.")
    return samples


def encode_samples(path: Path, tokenizer: ChatTokenizer, longest: int) -> TrainingSet:
    """Read and encode a file of talks.

    Args:
        path: See `read_samples`.
        tokenizer: Of the model to tune.
        longest: The most tokens of a prompt and its answer together.

    Raises:
        TalksError: See `read_samples`; also if no sample fits.
        NotUtf8Error: A line is in another encoding.
        OSError: The file cannot be read.
    """
    samples = read_samples(path)
    encoded: list[EncodedSample] = []
    shortened = 0
    for sample in samples:
        fitted = _fit(sample, tokenizer, longest)
        if fitted is not None:
            encoded.append(fitted[0])
            shortened += fitted[1]
    if not encoded:
        raise TalksError(
            f"{path.name}: no sample fits into {longest} tokens. Use shorter texts or a larger "
            "--longest."
        )
    refused = len(samples) - len(encoded)
    return TrainingSet(encoded, shortened, refused, sha256(path.read_bytes()).hexdigest())


def encode_sample(sample: Sample, tokenizer: ChatTokenizer) -> EncodedSample:
    """Return the ids of one sample, whole; labels stand on its answer alone."""
    prompt = tokenizer.encode_chat(sample.prompt, sample.history)
    answer = tokenizer.encode_answer(sample.response)
    return EncodedSample([*prompt, *answer], [*[IGNORED] * len(prompt), *answer])


def _fit(
    sample: Sample, tokenizer: ChatTokenizer, longest: int
) -> tuple[EncodedSample, bool] | None:
    """Return the sample with as many of its last rounds as fit, and whether some left."""
    whole = encode_sample(sample, tokenizer)
    if len(whole.input_ids) <= longest:
        return whole, False
    # Sizes first: encoding again for each round that leaves would cost quadratic time.
    sizes = [
        len(tokenizer.encode(each[0])) + len(tokenizer.encode(each[1])) for each in sample.history
    ]
    answer = len(tokenizer.encode_answer(sample.response))
    for kept in range(_rounds_within(sizes, longest - answer), -1, -1):
        rounds = sample.history[len(sample.history) - kept :]
        shorter = encode_sample(Sample(sample.prompt, sample.response, rounds), tokenizer)
        if len(shorter.input_ids) <= longest:
            return shorter, True
    return None


def _rounds_within(sizes: Sequence[int], room: int) -> int:
    """Return how many of the last rounds could fit by their texts alone."""
    count = 0
    for size in reversed(sizes):
        room -= size
        if room < 0:
            break
        count += 1
    return count


def _parse(place: str, line: str) -> Sample:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise TalksError(f"{place} is not JSON. Write one object a line.") from None
    if not isinstance(value, dict):
        raise TalksError(f'{place} is not an object with "prompt" and "response".')
    prompt, response = (_text(place, value, key) for key in ("prompt", "response"))
    return Sample(prompt, response, _history(place, value.get("history") or []))


def _text(place: str, value: dict[str, Any], key: str) -> str:
    text = value.get(key)
    if key not in value:
        raise TalksError(f'{place} has no "{key}". Add it or take the line out.')
    if not isinstance(text, str):
        raise TalksError(f'{place}: "{key}" is not a text. Write it in quotes.')
    if not text.strip():
        raise TalksError(f'{place}: "{key}" is empty. Fill it or take the line out.')
    return text


def _history(place: str, value: Any) -> tuple[tuple[str, str], ...]:
    pairs = isinstance(value, list) and all(
        isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) for part in pair)
        for pair in value
    )
    if not pairs:
        raise TalksError(f'{place}: "history" is not a list of [question, answer] texts.')
    return tuple((question, answer) for question, answer in value)
