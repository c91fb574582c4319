"""The policy as a list that can be published: what each level leads to.

It asks `policy.respond` itself, with one screening of every level and kind, so that the list cannot
say anything else than what runs. California's SB 243 asks for the protocol to be public
(`safety/response/duties.yaml`).
"""

from dataclasses import dataclass

from safety.response.policy import Response, respond
from safety.screening.levels import Category, Level
from safety.screening.screener import Screening


@dataclass(frozen=True, slots=True)
class ProtocolStep:
    """What one level leads to.

    Attributes:
        model_answers: the model writes a reply.
        adds_resources: numbers to call stand under the model's reply.
        has_fixed_reply: reviewed words with numbers to call answer.
        opens_case: a case is opened.
        tells_operators: operators are told, where there are any.
        emergency_first: for which kinds of risk emergency numbers stand first.
    """

    level: Level
    model_answers: bool
    adds_resources: bool
    has_fixed_reply: bool
    opens_case: bool
    tells_operators: bool
    emergency_first: frozenset[Category]


def steps() -> tuple[ProtocolStep, ...]:
    """What every level leads to, from 0 on."""
    return tuple(_step(level) for level in Level)


def _step(level: Level) -> ProtocolStep:
    responses = {category: _response(level, category) for category in Category}
    given = [response for response in responses.values() if response is not None]
    blocks = any(response.blocks_model for response in given)
    return ProtocolStep(
        level=level,
        model_answers=not blocks,
        adds_resources=bool(given) and not blocks,
        has_fixed_reply=blocks,
        opens_case=any(response.opens_case for response in given),
        tells_operators=any(response.tells_operators for response in given),
        emergency_first=frozenset(
            category
            for category, response in responses.items()
            if response is not None and response.emergency_first
        ),
    )


def _response(level: Level, category: Category) -> Response | None:
    return respond(Screening(level, (category,), (), ""))
