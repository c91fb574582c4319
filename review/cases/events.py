"""What happened to a case, in the past tense, for whoever shows it to operators and people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from storage import Transaction
from storage.database.events import CaseChanged
from storage.review.cases import Case
from storage.review.operators import Operator


class EventType(StrEnum):
    """What happened."""

    OPENED = "opened"
    RAISED = "raised"  # a further message at risk; `detail["rose"]` if the level did
    CLAIMED = "claimed"
    RELEASED = "released"
    TAKEN_OVER = "taken_over"
    PERSON_SAID = "person_said"  # in a takeover; with `detail["sent"]` no text, and in a hold too
    OPERATOR_SAID = "operator_said"
    HANDED_BACK = "handed_back"
    LEASE_RAN_OUT = "lease_ran_out"
    NOTED = "noted"
    PAGED = "paged"  # `detail["operators"]`: whose turn it is
    NOBODY_CAME = "nobody_came"
    SHADOW_ASKED = "shadow_asked"
    SHADOW_CHANGED = "shadow_changed"
    DRAFT_WAITS = "draft_waits"
    DRAFT_SENT = "draft_sent"
    RESOLVED = "resolved"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        case: as it stands after it.
        operator: who did it; None for people and the service.
        words: what was said, noted or summed up.
        detail: what else a face may show, by name.
    """

    what: EventType
    case: Case
    at: datetime
    operator: Operator | None = None
    words: str = ""
    detail: Mapping[str, Any] = field(default_factory=dict)


class CaseListener(Protocol):
    """Somewhere that shows cases: a chat of operators, a console, the person's own chat."""

    async def on_event(self, transaction: Transaction, event: Event) -> None:
        """Take notice, within the transaction of the act."""


class CaseEvents:
    """Tells every listener what happened to a case."""

    def __init__(self) -> None:
        self._listeners: list[CaseListener] = []

    def add(self, listener: CaseListener) -> None:
        """Tell this listener too."""
        self._listeners.append(listener)

    async def publish(self, transaction: Transaction, event: Event) -> None:
        """Tell every listener; open pages follow after the commit."""
        transaction.record(CaseChanged(event.case.case_id))
        for listener in self._listeners:
            await listener.on_event(transaction, event)
