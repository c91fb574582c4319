"""A message as a person sees it."""

from collections.abc import Callable
from dataclasses import dataclass

from sandbox.model import ChatMessage
from sandbox.text import Entity

ButtonRows = list[list[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class SandboxMessage:
    """A copy of a message as the screen shows it at this moment."""

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
    """Copy what a screen shows of a message."""
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
    """Return whether a message contains the text or passes the test. None accepts any."""
    if predicate is None:
        return True
    if isinstance(predicate, str):
        return predicate in message.text
    return predicate(message)
