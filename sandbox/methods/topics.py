"""Methods about the topics of a forum group."""

from typing import Any

from sandbox.account import BotAccount
from sandbox.errors import bad_request
from sandbox.model import Chat, Topic
from sandbox.parameters import Parameters
from sandbox.text import units
from sandbox.world import MAX_TOPIC_NAME, TOPIC_COLOURS


async def create_forum_topic(account: BotAccount, parameters: Parameters) -> dict[str, Any]:
    """Open a topic."""
    name = _name(parameters)
    chat = _forum(account, parameters)
    colour = parameters.integer("icon_color", TOPIC_COLOURS[len(chat.topics) % 6])
    if colour not in TOPIC_COLOURS:
        raise bad_request("invalid forum topic icon color specified")
    account.flood_control.charge_send(chat.id, group=True)
    topic = account.world.open_topic(chat, int(account.world.bot["id"]), name, colour)
    return {
        "message_thread_id": topic.thread_id,
        "name": topic.name,
        "icon_color": topic.icon_color,
    }


async def edit_forum_topic(account: BotAccount, parameters: Parameters) -> bool:
    """Rename a topic."""
    chat = _forum(account, parameters)
    topic = _topic(parameters, chat)
    name = _name(parameters) if parameters.text("name") else topic.name
    if name == topic.name and "icon_custom_emoji_id" not in parameters.values:
        raise bad_request("TOPIC_NOT_MODIFIED")
    account.flood_control.charge_send(chat.id, group=True)
    topic.name = name
    account.world.changes.publish()
    return True


async def close_forum_topic(account: BotAccount, parameters: Parameters) -> bool:
    """Close a topic."""
    topic = _topic(parameters, _forum(account, parameters))
    if topic.closed:
        raise bad_request("TOPIC_NOT_MODIFIED")
    topic.closed = True
    account.world.changes.publish()
    return True


async def delete_forum_topic(account: BotAccount, parameters: Parameters) -> bool:
    """Delete a topic with its messages."""
    chat = _forum(account, parameters)
    account.world.delete_topic(chat, _topic(parameters, chat).thread_id)
    return True


def _forum(account: BotAccount, parameters: Parameters) -> Chat:
    chat = account.writable_chat(parameters)
    if not chat.is_forum:
        raise bad_request("the chat is not a forum")
    if chat.general_is_closed:
        raise bad_request("not enough rights to manage topics")
    return chat


def _topic(parameters: Parameters, chat: Chat) -> Topic:
    thread_id = parameters.integer("message_thread_id")
    if thread_id not in chat.topics:
        raise bad_request("message thread not found" if thread_id else "TOPIC_ID_INVALID")
    return chat.topics[thread_id]


def _name(parameters: Parameters) -> str:
    name = parameters.text("name").strip()
    if not name:
        raise bad_request("TOPIC_TITLE_EMPTY")
    if units(name) > MAX_TOPIC_NAME:
        raise bad_request("TOPIC_TITLE_TOO_LONG")
    return name


METHODS = {
    "createForumTopic": create_forum_topic,
    "editForumTopic": edit_forum_topic,
    "closeForumTopic": close_forum_topic,
    "deleteForumTopic": delete_forum_topic,
}
