"""From logits to the next token, as ChatGLM2's `chat()` does it under transformers.

Order: repetition penalty, no end before `min_new_tokens`, temperature, top-k, top-p, draw.
"""

from collections.abc import Iterable, Sequence

import torch

from inference.requests import Sampling


class TokenSampler:
    """Choices of one request: its settings, its own random numbers, the tokens it has seen.

    Random numbers are drawn on the CPU, one for each token, so that neither the device nor the
    other rows of a batch change them.

    Args:
        sampling: The request's settings.
        prompt_ids: Token ids of the prompt.
        end_ids: The tokens that end a reply.
    """

    def __init__(
        self, sampling: Sampling, prompt_ids: Sequence[int], end_ids: Sequence[int]
    ) -> None:
        self.sampling = sampling
        self._end_ids = list(end_ids)
        self._count = 0
        self._generator = torch.Generator()
        if sampling.seed is None:
            self._generator.seed()
        else:
            self._generator.manual_seed(sampling.seed)
        self._seen = set(prompt_ids) if self.penalises else set()

    @property
    def penalises(self) -> bool:
        """Whether repetition changes this request's logits."""
        return self.sampling.repetition_penalty != 1.0

    @property
    def adjusts(self) -> bool:
        """Whether the next token is chosen from other logits than the model's."""
        return self.penalises or self._must_go_on

    @property
    def _must_go_on(self) -> bool:
        return self._count < self.sampling.min_new_tokens

    def note(self, token_id: int) -> None:
        """Remember a token of the reply."""
        self._count += 1
        if self.penalises:
            self._seen.add(token_id)

    def adjust(self, logits: torch.Tensor) -> None:
        """Change the logits (vocabulary,) in place: tokens already seen, and the end."""
        if self.penalises:
            self._penalise(logits)
        if self._must_go_on:
            logits[self._end_ids] = -torch.inf

    def _penalise(self, logits: torch.Tensor) -> None:
        seen = torch.tensor(sorted(self._seen), dtype=torch.long, device=logits.device)
        penalty = self.sampling.repetition_penalty
        scores = logits[seen]
        scores = torch.where(scores < 0, scores * penalty, scores / penalty)
        most = torch.finfo(scores.dtype).max
        logits[seen] = scores.clamp(-most, most)

    def uniform(self) -> float:
        """Return the next random number in [0, 1)."""
        return float(torch.rand((), generator=self._generator, dtype=torch.float64))


def choose(logits: torch.Tensor, samplers: Sequence[TokenSampler]) -> list[int | None]:
    """Choose one token for every row.

    Args:
        logits: (rows, vocabulary), any floating type, any device.
        samplers: One a row.

    Returns:
        Token ids; None for a row that holds a number that is not finite.
    """
    logits = logits.to(torch.float32)
    # One number that is not finite makes the sum so; to look at each takes longer.
    sound: list[bool] = torch.isfinite(logits.sum(dim=-1)).tolist()
    if any(sampler.adjusts for sampler in samplers):
        logits = logits.clone()
        for row, sampler in zip(logits, samplers, strict=True):
            if sampler.adjusts:
                sampler.adjust(row)
    chosen: list[int] = logits.argmax(dim=-1).tolist()
    drawing = [
        row for row, sampler in enumerate(samplers) if sound[row] and not sampler.sampling.greedy
    ]
    if drawing:
        picked = _draw(logits[drawing], [samplers[row] for row in drawing])
        for row, token in zip(drawing, picked, strict=True):
            chosen[row] = token
    return [token if good else None for token, good in zip(chosen, sound, strict=True)]


def _draw(logits: torch.Tensor, samplers: Sequence[TokenSampler]) -> list[int]:
    """Apply temperature, top-k and top-p to all rows at once, then draw once a row."""
    vocabulary = logits.shape[-1]
    limits = [min(s.sampling.top_k or vocabulary, vocabulary) for s in samplers]
    scores, ids = torch.topk(logits, max(limits), dim=-1)
    scores, ids = scores.cpu().double(), ids.cpu()
    kept = kept_probabilities(
        scores,
        temperature=_column(s.sampling.temperature for s in samplers),
        top_k=_column(float(limit) for limit in limits),
        top_p=_column(s.sampling.top_p for s in samplers),
    )
    reached = kept.cumsum(dim=-1)
    target = _column(s.uniform() for s in samplers) * reached[:, -1:]
    places = torch.searchsorted(reached, target, right=True)
    last = (kept > 0).sum(dim=-1, keepdim=True) - 1
    picked: list[int] = ids.gather(1, torch.minimum(places, last))[:, 0].tolist()
    return picked


def kept_probabilities(
    scores: torch.Tensor, *, temperature: torch.Tensor, top_k: torch.Tensor, top_p: torch.Tensor
) -> torch.Tensor:
    """Return probabilities after temperature, top-k and top-p: 0 if cut off, else unscaled.

    Args:
        scores: (rows, n) the best logits of each row, highest first.
        temperature: (rows, 1).
        top_k: (rows, 1).
        top_p: (rows, 1); a token stays while those before it do not reach this much.

    Returns:
        (rows, n); a row's first entry is never 0.
    """
    rank = torch.arange(scores.shape[-1])
    # From the best one down: however small the temperature, the best stays a number.
    scores = ((scores - scores[:, :1]) / temperature).masked_fill(rank >= top_k, -torch.inf)
    probabilities = scores.softmax(dim=-1)
    before = probabilities.cumsum(dim=-1) - probabilities
    return probabilities.masked_fill((before >= top_p) & (rank > 0), 0.0)


def _column(numbers: Iterable[float]) -> torch.Tensor:
    return torch.tensor(list(numbers), dtype=torch.float64)[:, None]
