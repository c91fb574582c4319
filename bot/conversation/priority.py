"""The priority of a reply in the model's queue.

The scheduler prevents starvation regardless of these values.
"""

from safety.response.policy import THRESHOLD
from safety.screening.levels import Level
from storage.review.cases import Case, CaseState

# Level 2. Higher levels get a fixed reply and no model.
AT_RISK = 8
# An operator has claimed the case or has taken the conversation over before.
WITH_OPERATOR = 7
OPEN_CASE = 6
DISTRESS = 1


def priority_of(level: int, case: Case | None) -> int:
    """Return the priority of a reply.

    Args:
        level: the level of the question in its context.
        case: the person's unresolved case, or None.
    """
    if level >= THRESHOLD:
        return AT_RISK
    if case is not None:
        has_operator = case.state is CaseState.CLAIMED or case.took_over_at is not None
        return WITH_OPERATOR if has_operator else OPEN_CASE
    return DISTRESS if level >= Level.DISTRESS else 0
