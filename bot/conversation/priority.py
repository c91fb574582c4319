"""Whose reply the model writes first, where more people talk than it can answer at once.

Nobody starves whatever is said here.
"""

from safety.response.policy import THRESHOLD
from safety.screening.levels import Level
from storage.review.cases import Case, CaseState

AT_RISK = 8
"""Words of level 2 (graver ones get a fixed reply and no model)."""
WITH_OPERATOR = 7
"""An operator has the case: they read along, talked with the person or wait for the reply."""
OPEN_CASE = 6
DISTRESS = 1


def priority(level: int, case: Case | None) -> int:
    """The priority of a reply.

    Args:
        level: Of the words that it answers, in their context.
        case: The person's case that is not resolved, or None.
    """
    if level >= THRESHOLD:
        return AT_RISK
    if case is not None:
        is_seen_to = case.state is CaseState.CLAIMED or case.took_over_at is not None
        return WITH_OPERATOR if is_seen_to else OPEN_CASE
    return DISTRESS if level >= Level.DISTRESS else 0
