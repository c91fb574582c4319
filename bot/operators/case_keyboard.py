"""The buttons under a case: what makes sense in its state, and what a button's data means.

Old buttons stay where they are: each is checked again before it acts.
"""

from dataclasses import dataclass

from bot.operators.announcements import OperatorMessenger
from storage.ids import CaseId
from storage.messages.body import Keyboard
from storage.review.cases import Case, CaseState, Resolution

VERDICTS = (
    Resolution.HELPED,
    Resolution.FALSE_ALARM,
    Resolution.REFERRED,
    Resolution.UNREACHABLE,
)
"""How an operator may close a case."""
VERBS = ("claim", "takeover", "reply", "handback", "release", "resolve", *VERDICTS)
MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Pressed:
    """A button under a case."""

    case_id: CaseId
    verb: str


class CaseButtons:
    """Rows of buttons."""

    def __init__(self, messenger: OperatorMessenger) -> None:
        self._messenger = messenger

    def for_case(self, case: Case) -> Keyboard:
        """What can be done with a case now."""
        if case.state is CaseState.RESOLVED or case.person_id is None:
            return []
        if case.lease_until_at is not None:
            rows: tuple[tuple[str, ...], ...] = (("reply", "handback"), ("resolve",))
        elif case.state is CaseState.CLAIMED:
            rows = (("takeover", "release"), ("resolve",))
        else:
            rows = (("claim", "takeover"), ("resolve",))
        return [[self._button(case.case_id, verb) for verb in row] for row in rows]

    def verdicts(self, case_id: CaseId) -> Keyboard:
        """The second step of closing a case: how it ended."""
        return [
            [self._button(case_id, verdict) for verdict in row]
            for row in (VERDICTS[:2], VERDICTS[2:])
        ]

    def _button(self, case_id: CaseId, verb: str) -> tuple[str, str]:
        key = f"resolution_{verb}" if verb in VERDICTS else f"button_{verb}"
        return self._messenger.text(key), f"case:{case_id}:{verb}"


def parse_data(data: str) -> Pressed | None:
    """What a button's data asks for, or None where no button of ours has such data."""
    kind, _, rest = data.partition(":")
    number, _, verb = rest.partition(":")
    if kind != "case" or verb not in VERBS or (case_id := parse_case_id(number)) is None:
        return None
    return Pressed(case_id, verb)


def parse_case_id(text: str) -> CaseId | None:
    """The number of a case as operators write it (`12` or `#12`), or None."""
    digits = text.removeprefix("#")
    usable = digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS
    return CaseId(int(digits)) if usable else None
