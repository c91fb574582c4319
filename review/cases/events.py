"""The events of a case and the listeners that show them to operators and people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from storage import Transaction
from storage.database.events import CaseChanged
from storage.review.cases import Case
from storage.review.operators import Operator


class EventType(StrEnum):
    """The kinds of events."""

    OPENED = "opened"
    RAISED = "raised"  # another message at risk, with `detail["rose"]` if the level rose
    ASKED = "asked"  # the person asked for a human
    ANSWERED = "answered"  # the person answered the script, `detail["answers"]`
    CLAIMED = "claimed"
    RELEASED = "released"
    TAKEN_OVER = "taken_over"
    PERSON_SAID = "person_said"  # in a takeover, or an attachment (`detail["sent"]`) in a hold
    OPERATOR_SAID = "operator_said"
    TAKEN_BACK = "taken_back"  # a canned reply, before it was sent
    HAND_OVER_OFFERED = "hand_over_offered"  # to the operator `detail["to"]`
    HANDED_OVER = "handed_over"  # they confirmed; `detail["giver"]` had the case
    HAND_OVER_ENDED = "hand_over_ended"  # `detail["why"]`: lapsed or kept
    HANDED_BACK = "handed_back"
    LEASE_RAN_OUT = "lease_ran_out"
    NOTED = "noted"
    PAGED = "paged"  # `detail["operators"]` lists the operators paged
    NOBODY_CAME = "nobody_came"
    SHADOW_ASKED = "shadow_asked"
    SHADOW_CHANGED = "shadow_changed"
    DRAFT_WAITS = "draft_waits"
    DRAFT_SENT = "draft_sent"
    RESOLVED = "resolved"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a case.

    Attributes:
        case: the case after the event.
        operator: the operator who acted, or None for people and the service.
        words: the message, note or summary.
        detail: further values that a listener may show, by name.
    """

    what: EventType
    case: Case
    operator: Operator | None = None
    words: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


class CaseListener(Protocol):
    """Show cases in the operators' chat, the console, or the person's own chat."""

    async def on_event(self, transaction: Transaction, event: Event) -> None:
        """Take notice, within the transaction of the act."""


class CaseEvents:
    """Tell every listener about an event of a case."""

    def __init__(self) -> None:
        self._listeners: list[CaseListener] = []

    def add(self, listener: CaseListener) -> None:
        """Tell this listener too."""
        self._listeners.append(listener)

    async def publish(self, transaction: Transaction, event: Event) -> None:
        """Tell every listener, and update open pages after the commit."""
        transaction.record(CaseChanged(event.case.case_id))
        for listener in self._listeners:
            await listener.on_event(transaction, event)
