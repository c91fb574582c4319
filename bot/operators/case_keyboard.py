"""The buttons under a case and the meaning of their data.

Old buttons stay in the chat, so each press is checked again before it acts.
"""

from dataclasses import dataclass

from bot.operators.announcements import OperatorMessenger
from storage.ids import CaseId
from storage.messages.body import Keyboard
from storage.review.cases import Case, CaseState, Resolution

# How an operator can resolve a case.
VERDICTS = (
    Resolution.HELPED,
    Resolution.FALSE_ALARM,
    Resolution.REFERRED,
    Resolution.UNREACHABLE,
)
VERBS = ("claim", "takeover", "reply", "handback", "release", "resolve", *VERDICTS)
MOST_DIGITS = 18


@dataclass(frozen=True, slots=True)
class Pressed:
    """A pressed button under a case."""

    case_id: CaseId
    verb: str


class CaseButtons:
    """Builds the buttons under a case."""

    def __init__(self, messenger: OperatorMessenger) -> None:
        self._messenger = messenger

    def for_case(self, case: Case) -> Keyboard:
        """Return the buttons for the state of a case."""
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
        """Return the buttons that resolve a case."""
        return [
            [self._button(case_id, verdict) for verdict in row]
            for row in (VERDICTS[:2], VERDICTS[2:])
        ]

    def _button(self, case_id: CaseId, verb: str) -> tuple[str, str]:
        key = f"resolution_{verb}" if verb in VERDICTS else f"button_{verb}"
        return self._messenger.text(key), f"case:{case_id}:{verb}"


def parse_data(data: str) -> Pressed | None:
    """Return the button with this data, or None if it is not one of ours."""
    kind, _, rest = data.partition(":")
    number, _, verb = rest.partition(":")
    if kind != "case" or verb not in VERBS or (case_id := parse_case_id(number)) is None:
        return None
    return Pressed(case_id, verb)


def parse_case_id(text: str) -> CaseId | None:
    """Return the case whose number operators wrote (`12` or `#12`), or None."""
    digits = text.removeprefix("#")
    is_number = digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS
    return CaseId(int(digits)) if is_number else None
