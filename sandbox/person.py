"""A person at the keyboard, for tests and demos."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from sandbox.model import Attachment, Chat, SandboxPerson
from sandbox.screen import SandboxMessage, as_seen, fits
from sandbox.world import World

SAMPLE_PHOTO = Path(__file__).parent / "static" / "sample.png"


class SandboxUser:
    """One person and what they see."""

    def __init__(self, world: World, person: SandboxPerson) -> None:
        self._world = world
        self._person = person

    @property
    def id(self) -> int:
        """The person's Telegram id, and the id of their private chat."""
        return self._person.id

    @property
    def first_name(self) -> str:
        """The name the bot sees."""
        return self._person.first_name

    @property
    def language_code(self) -> str:
        """The language of the person's app."""
        return self._person.language_code

    @property
    def messages(self) -> list[SandboxMessage]:
        """The private chat as it stands now."""
        return self.messages_in(self.id)

    @property
    def last(self) -> SandboxMessage | None:
        """The newest message of the bot in the private chat."""
        return next((m for m in reversed(self.messages) if m.from_bot), None)

    @property
    def drafts(self) -> str | None:
        """The draft on the screen, if any."""
        draft = self._chat(self.id).draft_at(self._world.now())
        return draft.text if draft else None

    @property
    def draft_history(self) -> list[str]:
        """Every draft text so far."""
        return list(self._chat(self.id).draft_history)

    @property
    def chat_action(self) -> str:
        """The chat action on the screen, such as `typing`, or nothing."""
        return self._chat(self.id).action_now(self._world.now())

    @property
    def toasts(self) -> list[str]:
        """The answers to presses, oldest first."""
        return [toast.text for toast in self._person.toasts]

    def messages_in(self, chat_id: int, thread_id: int | None = None) -> list[SandboxMessage]:
        """Return a chat, or one topic of it, as it stands now."""
        return [
            as_seen(message)
            for message in self._chat(chat_id).messages.values()
            if not message.service and thread_id in {None, message.thread_id}
        ]

    async def say(
        self, text: str, *, reply_to: int | None = None, thread_id: int | None = None
    ) -> int:
        """Send text in the private chat or in one of its topics.

        The first message starts the bot, and unblocks it as Telegram's apps do.
        """
        return await self._send(self.id, text=text, reply_to=reply_to, thread_id=thread_id)

    def open_topic(self, name: str) -> int:
        """Open a topic in the private chat and return its id."""
        return self._world.open_topic(self._chat(self.id), self.id, name, 0).thread_id

    async def say_in_group(
        self, chat_id: int, text: str, *, thread_id: int | None = None, reply_to: int | None = None
    ) -> int:
        """Send text in a group or in one of its topics."""
        return await self._send(chat_id, text=text, thread_id=thread_id, reply_to=reply_to)

    async def press(self, label_or_data: str, *, message_id: int | None = None) -> None:
        """Press a button on the newest message of the private chat that has it."""
        await self.press_in_group(self.id, label_or_data, message_id=message_id)

    async def press_in_group(
        self, chat_id: int, label_or_data: str, *, message_id: int | None = None
    ) -> None:
        """Press a button on the newest message of a group that has it."""
        for message in reversed(list(self._chat(chat_id).messages.values())):
            if message_id is not None and message.message_id != message_id:
                continue
            for row in message.keyboard:
                for button in row:
                    data = button.get("callback_data", "")
                    if data and label_or_data in {button["text"], data}:
                        self._world.person_presses(self._person, message, data)
                        await asyncio.sleep(0)
                        return
        raise LookupError(f"no button {label_or_data!r} on the screen")

    async def send_sticker(self, emoji: str = "🙂") -> int:
        """Send a sticker."""
        return await self._send_file("sticker", "sticker.webp", "image/webp", emoji=emoji)

    async def send_voice(self, caption: str | None = None, *, duration_s: int = 3) -> int:
        """Send a voice message."""
        return await self._send_file(
            "voice", "voice.ogg", "audio/ogg", text=caption or "", duration_s=duration_s
        )

    async def send_photo(self, caption: str | None = None, *, content: bytes | None = None) -> int:
        """Send a photo."""
        return await self._send_file(
            "photo",
            "photo.png",
            "image/png",
            text=caption or "",
            content=SAMPLE_PHOTO.read_bytes() if content is None else content,
        )

    async def send_document(
        self, filename: str = "note.txt", content: bytes = b"sandbox\n", caption: str | None = None
    ) -> int:
        """Send a file."""
        return await self._send_file(
            "document", filename, "application/octet-stream", text=caption or "", content=content
        )

    async def send_location(self, latitude: float = 31.23, longitude: float = 121.47) -> int:
        """Send a location."""
        place = {"latitude": latitude, "longitude": longitude}
        return await self._send(self.id, extra={"location": place})

    async def send_contact(self, phone_number: str = "+10000000000", name: str = "Test") -> int:
        """Send a contact."""
        contact = {"phone_number": phone_number, "first_name": name}
        return await self._send(self.id, extra={"contact": contact})

    async def send(self, **content: object) -> int:
        """Send a message with these fields of the Bot API, such as `venue` or `poll`."""
        return await self._send(self.id, extra=content)

    async def edit(self, message_id: int, text: str, *, chat_id: int | None = None) -> None:
        """Change a message that the person sent."""
        chat = self._chat(self.id if chat_id is None else chat_id)
        self._world.person_edits(self._person, chat, message_id, text)
        await asyncio.sleep(0)

    async def block(self) -> None:
        """Block the bot."""
        self._world.set_blocked(self._person, blocked=True)
        await asyncio.sleep(0)

    async def unblock(self) -> None:
        """Unblock the bot."""
        self._world.set_blocked(self._person, blocked=False)
        await asyncio.sleep(0)

    async def wait_for(
        self,
        predicate: Callable[[SandboxMessage], bool] | str | None = None,
        *,
        after: int = 0,
        timeout_s: float = 10,
        chat_id: int | None = None,
        thread_id: int | None = None,
    ) -> SandboxMessage:
        """Wait for a message of the bot.

        Args:
            predicate: a test, or a text that the message must contain. None takes any message.
            after: look only at messages with a higher id than this, which `say` returns.
            timeout_s: how long to wait.
            chat_id: a group to look at instead of the private chat.
            thread_id: only this topic.

        Returns:
            The oldest message that fits, as it stands now.

        Raises:
            TimeoutError: no such message came. The error shows the bot's last words.
        """
        where = self.id if chat_id is None else chat_id
        with self._world.changes.watch() as changed:
            try:
                async with asyncio.timeout(timeout_s):
                    while True:
                        changed.clear()
                        for message in self.messages_in(where, thread_id):
                            fresh = message.from_bot and message.message_id > after
                            if fresh and fits(message, predicate):
                                return message
                        await changed.wait()
            except TimeoutError:
                seen = [m.text for m in self.messages_in(where) if m.from_bot][-3:]
                wanted = predicate if isinstance(predicate, str) else "such message"
                raise TimeoutError(
                    f"no {wanted!r} within {timeout_s} s; the bot's last words: {seen!r}"
                ) from None

    async def _send_file(
        self,
        kind: str,
        filename: str,
        mime: str,
        *,
        text: str = "",
        content: bytes = b"sandbox",
        emoji: str = "",
        duration_s: int = 0,
    ) -> int:
        size = 0 if kind in {"document", "voice"} else 512
        file: Attachment = self._world.keep_file(
            kind,
            filename,
            mime,
            content,
            width=size,
            height=size,
            duration_s=duration_s,
            emoji=emoji,
        )
        return await self._send(self.id, text=text, attachment=file)

    async def _send(
        self,
        chat_id: int,
        *,
        text: str = "",
        attachment: Attachment | None = None,
        extra: dict[str, object] | None = None,
        thread_id: int | None = None,
        reply_to: int | None = None,
    ) -> int:
        message = self._world.person_sends(
            self._person,
            self._chat(chat_id),
            text=text,
            attachment=attachment,
            extra=extra,
            thread_id=thread_id,
            reply_to=reply_to,
        )
        await asyncio.sleep(0)
        return message.message_id

    def _chat(self, chat_id: int) -> Chat:
        return self._world.chats[chat_id]
