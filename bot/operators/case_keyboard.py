"""The buttons under a case and the meaning of their data.

Old buttons stay in the chat, so each press is checked again before it acts.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from bot.operators.announcements import OperatorMessenger
from review.cases.hand_over import Receiver
from storage.ids import CaseId
from storage.messages.body import Keyboard
from storage.review.canned_replies import CannedReply
from storage.review.cases import Case, CaseState, Resolution

# How an operator can resolve a case.
VERDICTS = (
    Resolution.HELPED,
    Resolution.FALSE_ALARM,
    Resolution.REFERRED,
    Resolution.UNREACHABLE,
)
VERBS = (
    "claim",
    "takeover",
    "reply",
    "replies",
    "takeback",
    "handback",
    "handover",
    "release",
    "resolve",
    *VERDICTS,
)
# What acts on a numbered thing: `case:12:say:3`.
NUMBERED = ("say", "give")
MOST_DIGITS = 18
MOST_LABEL = 40


@dataclass(frozen=True, slots=True)
class Pressed:
    """A pressed button under a case.

    Attributes:
        number: the number that a verb of `NUMBERED` acts on.
    """

    case_id: CaseId
    verb: str
    number: int | None = None


class CaseButtons:
    """Builds the buttons under a case."""

    def __init__(self, messenger: OperatorMessenger) -> None:
        self._messenger = messenger

    def for_case(self, case: Case) -> Keyboard:
        """Return the buttons for the state of a case."""
        if case.state is CaseState.RESOLVED or case.person_id is None:
            return []
        rows: tuple[tuple[str, ...], ...] = (("claim", "takeover"), ("resolve",))
        if case.lease_until_at is not None:
            rows = (("reply", "replies"), ("handover", "handback"), ("resolve",))
        elif case.state is CaseState.CLAIMED:
            rows = (("takeover", "handover"), ("release", "resolve"))
        if case.handed_to is not None:
            rows = (("claim",), *rows)
        return [[self._button(case.case_id, verb) for verb in row] for row in rows]

    def verdicts(self, case_id: CaseId) -> Keyboard:
        """Return the buttons that resolve a case."""
        return [
            [self._button(case_id, verdict) for verdict in row]
            for row in (VERDICTS[:2], VERDICTS[2:])
        ]

    def replies(self, case_id: CaseId, listed: Iterable[CannedReply], language: str) -> Keyboard:
        """Return the buttons that send a canned reply, and the one that takes it back."""
        rows = [
            [(_label(number, reply.text(language)), f"case:{case_id}:say:{reply.reply_id}")]
            for number, reply in enumerate(listed, 1)
        ]
        label = self._messenger.texts(language, "button_takeback")
        return [*rows, [(label, f"case:{case_id}:takeback")]]

    def receivers(self, case_id: CaseId, receivers: Iterable[Receiver], language: str) -> Keyboard:
        """Return the buttons that hand a case to an operator."""
        on_duty = self._messenger.texts(language, "hand_over_on_duty")
        return [
            [
                (
                    self._messenger.name(one.operator) + (on_duty if one.is_on_duty else ""),
                    f"case:{case_id}:give:{one.operator.operator_id}",
                )
            ]
            for one in receivers
        ]

    def _button(self, case_id: CaseId, verb: str) -> tuple[str, str]:
        key = f"resolution_{verb}" if verb in VERDICTS else f"button_{verb}"
        return self._messenger.text(key), f"case:{case_id}:{verb}"


def parse_data(data: str) -> Pressed | None:
    """Return the button with this data, or None if it is not one of ours."""
    kind, _, rest = data.partition(":")
    number, _, rest = rest.partition(":")
    verb, _, target = rest.partition(":")
    if kind != "case" or (case_id := parse_case_id(number)) is None:
        return None
    if verb in NUMBERED and _is_number(target):
        return Pressed(case_id, verb, int(target))
    return Pressed(case_id, verb) if verb in VERBS and not target else None


def parse_case_id(text: str) -> CaseId | None:
    """Return the case whose number operators wrote (`12` or `#12`), or None."""
    digits = text.removeprefix("#")
    return CaseId(int(digits)) if _is_number(digits) else None


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS


def _label(number: int, text: str) -> str:
    """Return the beginning of a text as a label."""
    line = " ".join(text.split())
    return f"{number} · {line if len(line) <= MOST_LABEL else line[: MOST_LABEL - 1] + '…'}"
