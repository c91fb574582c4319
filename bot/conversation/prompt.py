"""The prompt: as many of the last rounds as fit, and the question.

Whole rounds are dropped from the front, in steps of a quarter of the budget. So the front stays the
same for several turns, and the model can reuse its cache.
"""

import re

from inference.protocol import PromptTokenizer
from storage.companion.recent_rounds import Rounds

PERSONA = (
    "你是PICA，来自东北大学数据挖掘实验室，一个具备共情能力的聊天机器人。凭借先进的深度学习算法，"
    "你能够理解人类细腻的情感，在专业领域给予需要帮助的人类专业的指导，并以同情和理解的方式回应人类的情绪，"
    "你正在与对话者进行共情对话。"
)
# The question of a round that a check-in opened. The model has never seen an empty question.
CHECK_IN_QUERY = "（到了约好的问候时间）"
ROUND = re.compile(r"\[\s*Round(?=\s*\d)", re.IGNORECASE)
SPEAKER = re.compile(r"(?m)^([^\S\n]*[问答])[：:]")


def escape_template(text: str) -> str:
    """Change what imitates the prompt's template in a text, and keep the text readable."""
    return SPEAKER.sub(r"\1，", ROUND.sub("(Round", text))


def build_prompt(
    tokenizer: PromptTokenizer, query: str, rounds: Rounds, *, persona: str, budget: int
) -> tuple[tuple[int, ...], Rounds]:
    """Return the token ids of a prompt within the budget, and the rounds in it.

    Pass the returned rounds on the next call. History is then trimmed in large steps, not every
    turn. A query that does not fit alone loses its beginning.

    Args:
        tokenizer: the model's tokenizer.
        query: the question, already escaped.
        rounds: the rounds, oldest first, already escaped.
        persona: the text before the first question, or "".
        budget: the number of tokens for the prompt.
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


def _encode(tokenizer: PromptTokenizer, query: str, rounds: Rounds, persona: str) -> list[int]:
    if not persona:
        return tokenizer.encode_chat(query, rounds)
    if not rounds:
        return tokenizer.encode_chat(f"{persona}\n{query}", [])
    (question, answer), *others = rounds
    return tokenizer.encode_chat(query, [(f"{persona}\n{question}", answer), *others])
