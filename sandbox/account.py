"""The bot's account on the local server."""

import re
from dataclasses import dataclass

from sandbox.errors import bad_request, forbidden
from sandbox.limits import FloodControl
from sandbox.model import Chat, ChatMessage, Topic
from sandbox.parameters import Parameters
from sandbox.updates import UpdateQueue
from sandbox.webhook import Webhook
from sandbox.world import World

_CHAT_ID = re.compile(r"-?[0-9]{1,19}")


@dataclass(slots=True)
class BotAccount:
    """Everything that a method of the Bot API may touch."""

    world: World
    updates: UpdateQueue
    flood_control: FloodControl
    webhook: Webhook

    def chat(self, parameters: Parameters, name: str = "chat_id") -> Chat:
        """Find the chat that a call names.

        Raises:
            ApiError: the bot does not know the chat.
        """
        raw = parameters.text(name).strip()
        if not raw:
            raise bad_request("chat_id is empty")
        chat = self.world.chats.get(int(raw)) if _CHAT_ID.fullmatch(raw) else None
        if chat is None:
            raise bad_request("chat not found")
        return chat

    def writable_chat(self, parameters: Parameters) -> Chat:
        """Find the chat that a call names and check that the bot may write there.

        Raises:
            ApiError: the chat is unknown, never started, blocked or left.
        """
        chat = self.chat(parameters)
        if chat.is_private:
            person = self.world.people[chat.id]
            if not person.started:
                raise forbidden("bot can't initiate conversation with a user")
            if person.blocked:
                raise forbidden("bot was blocked by the user")
        elif chat.bot_status != "administrator":
            raise forbidden("bot is not a member of the supergroup chat")
        return chat

    def topic(self, parameters: Parameters, chat: Chat) -> Topic | None:
        """Find the topic that a call names, if it names one.

        Raises:
            ApiError: the topic is gone, or the general one is closed to the bot.
        """
        thread_id = parameters.integer("message_thread_id")
        if not thread_id:
            if chat.general_is_closed:
                raise bad_request("TOPIC_CLOSED")
            return None
        if thread_id not in chat.topics:
            raise bad_request("message thread not found")
        return chat.topics[thread_id]

    def message(self, parameters: Parameters, chat: Chat, missing: str) -> ChatMessage:
        """Find the message that a call names.

        Raises:
            ApiError: the call names no message, or one that is `missing`.
        """
        message_id = parameters.integer("message_id")
        if message_id <= 0:
            raise bad_request("message identifier is not specified")
        if message_id not in chat.messages:
            raise bad_request(missing)
        return chat.messages[message_id]
