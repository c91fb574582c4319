"""From rounds to a prompt that fits.

Whole rounds leave from the front, in steps of a quarter of the budget, so that the front of the
prompt stays the same over several turns and what the model keeps of it can be used again.
"""

import re
from collections.abc import Sequence
from typing import Protocol

from storage.companion.recent_rounds import Rounds

PERSONA = (
    "你是PICA，来自东北大学数据挖掘实验室，一个具备共情能力的聊天机器人。凭借先进的深度学习算法，"
    "你能够理解人类细腻的情感，在专业领域给予需要帮助的人类专业的指导，并以同情和理解的方式回应人类的情绪，"
    "你正在与对话者进行共情对话。"
)
CHECK_IN_QUERY = "（到了约好的问候时间）"
"""Stands as the question of a round in which the companion spoke first: the template has no other
place for it, and an empty question is nothing that the model has seen."""
ROUND = re.compile(r"\[\s*Round(?=\s*\d)", re.IGNORECASE)
SPEAKER = re.compile(r"(?m)^([^\S\n]*[问答])[：:]")


class Tokenizer(Protocol):
    """What is asked of the model's tokenizer."""

    def encode_chat(self, query: str, history: Sequence[tuple[str, str]] = ()) -> list[int]:
        """Token ids of a prompt."""


def escape_template(text: str) -> str:
    """Take the template's voice from a person's words; what they say stays readable."""
    return SPEAKER.sub(r"\1，", ROUND.sub("(Round", text))


def build_prompt(
    tokenizer: Tokenizer, query: str, rounds: Rounds, *, persona: str, budget: int
) -> tuple[tuple[int, ...], Rounds]:
    """Token ids of a prompt within the budget, and the rounds that it holds.

    The caller hands the rounds that were kept back next time, so that the front moves
    in large steps and not at every turn.

    Args:
        tokenizer: of the model.
        query: the person's words, already neutralised.
        rounds: oldest first, already neutralised.
        persona: stands before the first question; empty for none.
        budget: tokens for the prompt.

    A query that does not fit alone loses its beginning.
    """
    ids = _encode(tokenizer, query, rounds, persona)
    if len(ids) <= budget:
        return tuple(ids), rounds
    kept = list(rounds)
    while kept:
        kept = kept[1:]
        if len(_encode(tokenizer, query, kept, persona)) <= budget * 3 // 4:
            break
    ids = _encode(tokenizer, query, kept, persona)
    while len(ids) > budget and len(query) > 1:  # no round is left here
        query = query[-max(1, len(query) * budget // len(ids) - 8) :]
        ids = _encode(tokenizer, query, [], persona)
    return tuple(ids), kept


def _encode(tokenizer: Tokenizer, query: str, rounds: Rounds, persona: str) -> list[int]:
    if not persona:
        return tokenizer.encode_chat(query, rounds)
    if not rounds:
        return tokenizer.encode_chat(f"{persona}\n{query}", [])
    (question, answer), *others = rounds
    return tokenizer.encode_chat(query, [(f"{persona}\n{question}", answer), *others])
