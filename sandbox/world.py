"""The local Telegram: its people, its chats, and the acts of people."""

import itertools
from collections.abc import Callable
from typing import Any

from sandbox.changes import ChangeSignal
from sandbox.model import Attachment, Chat, ChatMessage, SandboxPerson, Toast, Topic
from sandbox.text import find_entities, trim
from sandbox.updates import UpdateQueue
from sandbox.wire import Json, chat_json, member_json, message_json, person_json

MAX_TOPIC_NAME = 128
TOPIC_COLOURS = (7322096, 16766590, 13338331, 9367192, 16749490, 16478047)


class World:
    """People, chats and files, and the updates that people's acts cause."""

    def __init__(self, bot: Json, updates: UpdateQueue, clock: Callable[[], float]) -> None:
        self.bot = bot
        self.updates = updates
        self.changes = ChangeSignal()
        self.people: dict[int, SandboxPerson] = {}
        self.chats: dict[int, Chat] = {}
        self.files: dict[str, Attachment] = {}
        self.presses: dict[str, int] = {}
        self._clock = clock
        self._private_ids = itertools.count(1)
        self._serial = itertools.count(1)

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return self._clock()

    # --- who and where -------------------------------------------------------------------

    def add_person(self, user_id: int | None, first_name: str, language_code: str) -> SandboxPerson:
        """Add a person, without an update for the bot."""
        if user_id is None:
            user_id = max((id_ for id_ in self.people if id_ < 10**9), default=1000) + 1
        if user_id <= 0 or user_id in self.people:
            raise ValueError("user_id: must be positive and new")
        person = SandboxPerson(user_id, first_name, language_code)
        self.people[user_id] = person
        self.chats[user_id] = Chat(user_id)
        self.changes.publish()
        return person

    def add_group(
        self, title: str, members: dict[int, str], *, forum: bool, announce: bool
    ) -> Chat:
        """Make a supergroup with the bot as administrator."""
        chat_id = (
            -1_000_000_000_000 - 1000 - sum(not chat.is_private for chat in self.chats.values())
        )
        chat = Chat(chat_id, title=title, is_forum=forum, members=dict(members))
        self.chats[chat_id] = chat
        if announce:
            actor = next(iter(members), None)
            self._bot_status_changed(chat, actor, "left", "administrator")
        self.changes.publish()
        return chat

    def new_message_id(self, chat: Chat) -> int:
        """Return the next id. Private chats share one count, and each group has its own."""
        chat.last_message_id = (
            next(self._private_ids) if chat.is_private else chat.last_message_id + 1
        )
        return chat.last_message_id

    def keep_file(
        self, kind: str, filename: str, mime: str, content: bytes, **more: Any
    ) -> Attachment:
        """Store a file and give it an id."""
        file_id = f"SBX{kind[0].upper()}{next(self._serial):08d}"
        attachment = Attachment(kind, file_id, filename, mime, content, **more)
        self.files[file_id] = attachment
        return attachment

    # --- messages ------------------------------------------------------------------------

    def add_message(self, chat: Chat, sender_id: int, **fields: Any) -> ChatMessage:
        """Put a message into a chat."""
        message = ChatMessage(
            message_id=self.new_message_id(chat),
            chat_id=chat.id,
            sender_id=sender_id,
            from_bot=sender_id == self.bot["id"],
            date=int(self.now()),
            **fields,
        )
        chat.messages[message.message_id] = message
        self.changes.publish()
        return message

    def touch(self, message: ChatMessage) -> None:
        """Record that a message looks different."""
        message.revision += 1
        self.changes.publish()

    def open_topic(self, chat: Chat, sender_id: int, name: str, icon_color: int) -> Topic:
        """Make a topic with the id of the message that announces it."""
        message = self.add_message(chat, sender_id, service=True)
        message.thread_id = message.message_id
        message.extra = {"forum_topic_created": {"name": name, "icon_color": icon_color}}
        topic = Topic(message.message_id, name, icon_color)
        chat.topics[topic.thread_id] = topic
        self.touch(message)
        return topic

    def delete_topic(self, chat: Chat, thread_id: int) -> None:
        """Remove a topic with its messages."""
        del chat.topics[thread_id]
        for message in [m for m in chat.messages.values() if m.thread_id == thread_id]:
            del chat.messages[message.message_id]
        self.changes.publish()

    def message_json(self, message: ChatMessage) -> Json:
        """Show a message as the bot sees it."""
        return message_json(message, self.chats[message.chat_id], self.people, self.bot)

    # --- what people do ------------------------------------------------------------------

    def person_sends(
        self,
        person: SandboxPerson,
        chat: Chat,
        *,
        text: str = "",
        attachment: Attachment | None = None,
        extra: dict[str, Any] | None = None,
        thread_id: int | None = None,
        reply_to: int | None = None,
    ) -> ChatMessage:
        """Send something as a person. In a private chat this starts the bot."""
        words, _ = trim(text, [])
        if not (words or attachment or extra):
            raise ValueError("nothing to send")
        if thread_id is not None and thread_id not in chat.topics:
            raise ValueError("no such topic")
        if chat.is_private:
            if person.blocked:
                self.set_blocked(person, blocked=False)
            person.started = True
        message = self.add_message(
            chat,
            person.id,
            text=words,
            entities=find_entities(words),
            attachment=attachment,
            extra=dict(extra or {}),
            thread_id=thread_id,
            reply_to=reply_to,
        )
        if chat.is_private or chat.bot_status == "administrator":
            self.updates.put("message", self.message_json(message))
        return message

    def person_edits(self, person: SandboxPerson, chat: Chat, message_id: int, text: str) -> None:
        """Change a message as the person who sent it."""
        message = chat.messages.get(message_id)
        if message is None or message.sender_id != person.id:
            raise ValueError("no message of this person's to edit")
        words, _ = trim(text, [])
        if not words:
            raise ValueError("nothing to send")
        message.text, message.entities = words, find_entities(words)
        message.edited_at = int(self.now())
        self.touch(message)
        self.updates.put("edited_message", self.message_json(message))

    def person_presses(self, person: SandboxPerson, message: ChatMessage, data: str) -> str:
        """Press an inline button as a person and return the id of the callback query."""
        query_id = f"{self.bot['id']}{next(self._serial):09d}"
        self.presses[query_id] = person.id
        self.updates.put(
            "callback_query",
            {
                "id": query_id,
                "from": person_json(person),
                "message": self.message_json(message),
                "chat_instance": str(message.chat_id),
                "data": data,
            },
        )
        return query_id

    def show_toast(self, person: SandboxPerson, text: str, *, alert: bool) -> None:
        """Show the answer to a press on the person's screen."""
        person.toasts.append(Toast(text, alert))
        self.changes.publish()

    def set_blocked(self, person: SandboxPerson, *, blocked: bool) -> None:
        """Block or unblock the bot as a person."""
        if person.blocked == blocked:
            return
        person.blocked = blocked
        old, new = ("member", "kicked") if blocked else ("kicked", "member")
        self._bot_status_changed(self.chats[person.id], person.id, old, new)
        self.changes.publish()

    def _bot_status_changed(self, chat: Chat, actor: int | None, old: str, new: str) -> None:
        if actor is None:
            return
        self.updates.put(
            "my_chat_member",
            {
                "chat": chat_json(chat, self.people),
                "from": person_json(self.people[actor]),
                "date": int(self.now()),
                "old_chat_member": member_json(self.bot, old),
                "new_chat_member": member_json(self.bot, new),
            },
        )
