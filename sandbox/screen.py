"""A message as a person sees it, and whether it is the one they wait for.

Copies of state, which change no more. Knows neither world nor HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.model import ChatMessage
from sandbox.text import Entity

ButtonRows = list[list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class SandboxMessage:
    """A message as it stands on the screen at this moment."""

    message_id: int
    chat_id: int
    from_bot: bool
    text: str
    buttons: ButtonRows
    date: int
    edited: bool
    entities: list[Entity]
    thread_id: int | None
    reply_to: int | None
    document: tuple[str, bytes] | None
    photo: tuple[str, bytes] | None
    sender_id: int


def as_seen(message: ChatMessage) -> SandboxMessage:
    """The message without what a screen does not show."""
    file = message.attachment
    return SandboxMessage(
        message_id=message.message_id,
        chat_id=message.chat_id,
        from_bot=message.from_bot,
        text=message.text,
        buttons=[
            [(b["text"], b.get("callback_data") or b.get("url") or "") for b in row]
            for row in message.keyboard
        ],
        date=message.date,
        edited=message.edited_at is not None,
        entities=[dict(entity) for entity in message.entities],
        thread_id=message.thread_id,
        reply_to=message.reply_to,
        document=(file.filename, file.content) if file and file.kind == "document" else None,
        photo=(file.filename, file.content) if file and file.kind == "photo" else None,
        sender_id=message.sender_id,
    )


def fits(message: SandboxMessage, predicate: Callable[[SandboxMessage], bool] | str | None) -> bool:
    """Whether a message is what someone waits for: a text means "contains", None takes any."""
    if predicate is None:
        return True
    if isinstance(predicate, str):
        return predicate in message.text
    return predicate(message)
