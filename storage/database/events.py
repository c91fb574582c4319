"""Events: what a transaction did that others act on once it has committed."""

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
class PersonInterrupted:
    """The reply that is being written to a person must stop."""

    person_id: PersonId


@dataclass(frozen=True, slots=True)
class RoundsChanged:
    """A session has a new round, or words of it were deleted."""

    session_id: SessionId


@dataclass(frozen=True, slots=True)
class SessionsEnded:
    """Sessions ended, or words of theirs were deleted."""

    session_ids: tuple[SessionId, ...]


@dataclass(frozen=True, slots=True)
class PersonErased:
    """A person's rows and key are gone."""


@dataclass(frozen=True, slots=True)
class CaseChanged:
    """A case is new or different; without a number, the queue as a whole is."""

    case_id: CaseId | None


class EventBus:
    """Calls the subscribers of each event, in the order in which they subscribed."""

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
        """Call the subscribers; a handler that fails is logged and stops nothing."""
        for event in events:
            for handler in self._handlers[type(event)]:
                try:
                    waiting = handler(event)
                    if waiting is not None:
                        await waiting
                except Exception as error:  # the act itself is committed
                    log.error("event_handler_failed", error=type(error).__name__)
