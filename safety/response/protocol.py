"""The policy as a list for publication, with a row for each level.

It calls the policy with one screening of every level and category, so the list always agrees
with the code. California's SB 243 requires the protocol to be public
(`safety/response/duties.yaml`).
"""

from collections.abc import Callable
from dataclasses import dataclass

from safety.response.policy import Response, respond
from safety.screening.levels import Category, Level
from safety.screening.outcome import Screening

Policy = Callable[[Screening], Response | None]


@dataclass(frozen=True, slots=True)
class ProtocolStep:
    """The response to one level.

    Attributes:
        model_answers: whether the model writes a reply.
        adds_resources: whether numbers to call follow the model's reply.
        has_fixed_reply: whether a reviewed text with numbers to call answers.
        opens_case: whether a case is opened.
        tells_operators: whether operators, if there are any, are told.
        emergency_first: the categories for which emergency numbers come first.
    """

    level: Level
    model_answers: bool
    adds_resources: bool
    has_fixed_reply: bool
    opens_case: bool
    tells_operators: bool
    emergency_first: frozenset[Category]


def steps(policy: Policy = respond) -> tuple[ProtocolStep, ...]:
    """Return the response of a policy to every level, from 0 on."""
    return tuple(_step(policy, level) for level in Level)


def _step(policy: Policy, level: Level) -> ProtocolStep:
    responses = {category: policy(Screening(level, (category,), (), "")) for category in Category}
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
