"""What people use today, on the chat workload: transformers' ``generate`` and ``generate_batch``.

They have no prefix: transformers has no public way to put a P-Tuning prefix in front. Their work is
the smaller by that. Knows nothing of this project's engine.
"""

from __future__ import annotations

import logging
from typing import Any

import torch
from transformers import GenerationConfig, GlmForCausalLM

Histories = list[list[int]]


class Rivals:
    """One model, asked in three ways; every prompt is prefilled whole, as ``chat()`` does."""

    def __init__(self, model: GlmForCausalLM) -> None:
        self.model = model
        model.generation_config.eos_token_id = None

    @torch.inference_mode()
    def one(self, prompt: list[int], tokens: int) -> list[int]:
        """One prompt alone."""
        return self.static([prompt], tokens)[0]

    @torch.inference_mode()
    def static(self, prompts: Histories, tokens: int) -> Histories:
        """Prompts of the same length as one batch; replies without the prompts."""
        ids = torch.tensor(prompts, device=self.model.device)
        output: Any = self.model.generate(  # type: ignore[operator]
            ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens,
            do_sample=False, eos_token_id=None, pad_token_id=0,
        )  # fmt: skip
        return [row[len(prompts[0]) :] for row in output.tolist()]

    def continuous(self, prompts: Histories, tokens: int) -> Histories:
        """transformers' continuous batching."""
        logging.getLogger("transformers").setLevel(logging.ERROR)
        config = GenerationConfig(
            max_new_tokens=tokens, do_sample=False, eos_token_id=-1, pad_token_id=0
        )
        results = self.model.generate_batch(  # type: ignore[operator]
            inputs=prompts, generation_config=config, progress_bar=False
        )
        replies = [list(result.generated_tokens) for result in results.values()]
        if [len(reply) for reply in replies] != [tokens] * len(prompts):
            raise RuntimeError("generate_batch gave other lengths than were asked for")
        return replies
