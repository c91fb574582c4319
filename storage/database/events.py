"""Events that a transaction records and the bus publishes after the commit."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from storage.ids import CaseId, PersonId, SessionId

log = structlog.get_logger(__name__)
EventT = TypeVar("EventT")


@dataclass(frozen=True, slots=True)
class MessagesQueued:
    """Messages wait in the outbox."""


@dataclass(frozen=True, slots=True)
class UpdatesReleased:
    """Updates of a person that waited for consent may be answered now."""

    person_id: PersonId


@dataclass(frozen=True, slots=True)
class PersonInterrupted:
    """The reply that is being written to a person must stop."""

    person_id: PersonId


@dataclass(frozen=True, slots=True)
class RoundsChanged:
    """A session has a new round, or turns of it were deleted."""

    session_id: SessionId


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    """Sessions ended, or turns of them were deleted."""

    session_ids: tuple[SessionId, ...]


@dataclass(frozen=True, slots=True)
class PersonErased:
    """A person's rows and key were deleted."""


@dataclass(frozen=True, slots=True)
class CaseChanged:
    """A case, or with None the whole queue, is new or changed."""

    case_id: CaseId | None


class EventBus:
    """Call the subscribers of each event in the order they subscribed."""

    def __init__(self) -> None:
        self._handlers: defaultdict[type, list[Callable[[Any], Awaitable[None] | None]]] = (
            defaultdict(list)
        )

    def subscribe(
        self, kind: type[EventT], handler: Callable[[EventT], Awaitable[None] | None]
    ) -> None:
        """Call a function, plain or async, with every event of a kind."""
        self._handlers[kind].append(handler)

    async def publish(self, events: Iterable[object]) -> None:
        """Call the subscribers, and log failures without stopping."""
        for event in events:
            for handler in self._handlers[type(event)]:
                try:
                    waiting = handler(event)
                    if waiting is not None:
                        await waiting
                except Exception as error:  # the transaction is already committed
                    log.error("event_handler_failed", error=type(error).__name__)
