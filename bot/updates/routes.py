"""The routes of a room: which handler answers which update."""

from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

from bot.updates.responder import HandlerContext

Handler = Callable[[Any, HandlerContext], Coroutine[Any, Any, None]]
KeyT = TypeVar("KeyT")


class UpdateClass(StrEnum):
    """The updates that are neither a known command nor a known button."""

    EVERY = "every"  # all of them, before any other handler
    BURST = "burst"  # a person's words
    GROUP = "group"  # what is written in a group
    MEMBERSHIP = "membership"
    STOP = "stop"  # a bare word that means /stop
    UNKNOWN_COMMAND = "unknown_command"
    EDITED_COMMAND = "edited_command"  # a message that was edited into a command
    OLD_BUTTON = "old_button"
    LOCATION = "location"
    UNREADABLE = "unreadable"  # a message without text
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Routes:
    """Handlers by the updates that they answer.

    Attributes:
        commands: by the name of the command.
        buttons: by the data of the button, up to its colon.
        classes: by the class of the update.
    """

    commands: Mapping[str, Handler] = field(default_factory=dict)
    buttons: Mapping[str, Handler] = field(default_factory=dict)
    classes: Mapping[UpdateClass, Handler] = field(default_factory=dict)


def joined(rooms: Iterable[Routes]) -> Routes:
    """Join the routes of all rooms.

    Raises:
        ValueError: two rooms answer the same updates.
    """
    rooms = list(rooms)
    return Routes(
        commands=_merged(routes.commands for routes in rooms),
        buttons=_merged(routes.buttons for routes in rooms),
        classes=_merged(routes.classes for routes in rooms),
    )


def _merged(tables: Iterable[Mapping[KeyT, Handler]]) -> dict[KeyT, Handler]:
    merged: dict[KeyT, Handler] = {}
    for table in tables:
        if twice := merged.keys() & table.keys():
            raise ValueError(f"two rooms have a handler for {sorted(map(str, twice))}")
        merged |= table
    return merged
