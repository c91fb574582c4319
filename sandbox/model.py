"""People, chats, topics and messages as the local server keeps them in memory."""

from dataclasses import dataclass, field
from typing import Any

from sandbox.keyboards import ChatKeyboard
from sandbox.text import Entity

DRAFT_SHOWN_S = 30.0
ACTION_SHOWN_S = 5.0


@dataclass(frozen=True, slots=True)
class Toast:
    """The answer to a press: a short notice, or an alert to be closed."""

    text: str
    alert: bool


@dataclass(slots=True)
class SandboxPerson:
    """A person who could talk to the bot."""

    id: int
    first_name: str
    language_code: str
    started: bool = False
    blocked: bool = False
    toasts: list[Toast] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file in a message."""

    kind: str
    file_id: str
    filename: str
    mime_type: str
    content: bytes
    width: int = 0
    height: int = 0
    duration_s: int = 0
    emoji: str = ""


@dataclass(slots=True)
class ChatMessage:
    """One message of a chat, whose `revision` grows with every change."""

    message_id: int
    chat_id: int
    sender_id: int
    from_bot: bool
    date: int
    text: str = ""
    entities: list[Entity] = field(default_factory=list)
    keyboard: ChatKeyboard = field(default_factory=list)
    thread_id: int | None = None
    reply_to: int | None = None
    edited_at: int | None = None
    attachment: Attachment | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    service: bool = False
    revision: int = 0


@dataclass(slots=True)
class Topic:
    """A topic of a forum group, with the id of the message that opened it."""

    thread_id: int
    name: str
    icon_color: int
    closed: bool = False


@dataclass(frozen=True, slots=True)
class MessageDraft:
    """A reply that the bot is still writing."""

    draft_id: int
    text: str
    at: float


@dataclass(slots=True)
class Chat:
    """A private chat (its id is the person's) or a supergroup.

    Attributes:
        general_is_closed: nothing goes there without a topic, and the bot may make none.
    """

    id: int
    title: str = ""
    is_forum: bool = False
    members: dict[int, str] = field(default_factory=dict)
    bot_status: str = "administrator"
    messages: dict[int, ChatMessage] = field(default_factory=dict)
    topics: dict[int, Topic] = field(default_factory=dict)
    last_message_id: int = 0
    general_is_closed: bool = False
    draft: MessageDraft | None = None
    draft_history: list[str] = field(default_factory=list)
    action: str = ""
    action_at: float = 0.0

    @property
    def is_private(self) -> bool:
        """Whether this is a person's chat with the bot."""
        return self.id > 0

    def draft_at(self, now: float) -> MessageDraft | None:
        """Return the draft, if the person's screen still shows it."""
        if self.draft is None or now - self.draft.at > DRAFT_SHOWN_S:
            return None
        return self.draft

    def action_now(self, now: float) -> str:
        """Return the chat action on the screen, such as `typing`, or nothing."""
        return self.action if self.action and now - self.action_at < ACTION_SHOWN_S else ""
