"""What people use today, on the chat workload: transformers' ``generate`` and ``generate_batch``.

They have no prefix: transformers has no public way to put a P-Tuning prefix in front. Their work is
the smaller by that. Each works in the floating type in which it is the faster.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from transformers import GenerationConfig, GlmForCausalLM

from benchmarks.glm import in_turn

Histories = list[list[int]]
Way = Callable[[GlmForCausalLM, Histories, int], Histories]


@torch.inference_mode()
def static(model: GlmForCausalLM, prompts: Histories, tokens: int) -> Histories:
    """Prompts of the same length as one batch, each prefilled whole; replies without prompts."""
    ids = torch.tensor(prompts, device=model.device)
    output: Any = model.generate(  # type: ignore[operator]
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=tokens,
        do_sample=False,
        eos_token_id=None,
        pad_token_id=0,
    )
    return [row[len(prompts[0]) :] for row in output.tolist()]


def one_at_a_time(model: GlmForCausalLM, prompts: Histories, tokens: int) -> Histories:
    """One prompt after the other, as the model's own ``chat()`` does."""
    return [static(model, [prompt], tokens)[0] for prompt in prompts]


def continuous(model: GlmForCausalLM, prompts: Histories, tokens: int) -> Histories:
    """transformers' continuous batching; it changes the model."""
    logging.getLogger("transformers").setLevel(logging.ERROR)
    config = GenerationConfig(
        max_new_tokens=tokens, do_sample=False, eos_token_id=-1, pad_token_id=0
    )
    results = model.generate_batch(  # type: ignore[operator]
        inputs=prompts, generation_config=config, progress_bar=False
    )
    replies = [list(result.generated_tokens) for result in results.values()]
    if [len(reply) for reply in replies] != [tokens] * len(prompts):
        raise RuntimeError("generate_batch gave other lengths than were asked for")
    return replies


class Rivals:
    """The same weights in one floating type or several.

    Attributes:
        models: By the name of their type.
    """

    def __init__(self, models: dict[str, GlmForCausalLM]) -> None:
        self.models = models
        self._faster: dict[Way, str] = {}
        for model in models.values():
            model.generation_config.eos_token_id = None

    def ask(self, way: Way, prompts: Histories, tokens: int) -> Histories:
        """Replies to prompts, in the type in which this way is the faster."""
        return way(self.models[self.dtype(way)], prompts, tokens)

    def dtype(self, way: Way) -> str:
        """The type in which a way is the faster, measured once on a small piece of work."""
        if len(self.models) == 1:
            return next(iter(self.models))
        if way not in self._faster:
            count = 1 if way is one_at_a_time else 16
            prompts = [[5 + place % 3900 for place in range(200)]] * count
            works = {name: partial(way, model, prompts, 32) for name, model in self.models.items()}
            taken = in_turn(works, 3)
            self._faster[way] = min(taken, key=lambda name: min(taken[name]))
        return self._faster[way]
