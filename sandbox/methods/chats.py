"""Methods about chats, their members and files."""

from __future__ import annotations

from typing import Any

from sandbox.account import BotAccount
from sandbox.errors import bad_request, forbidden
from sandbox.parameters import Parameters
from sandbox.wire import chat_json, file_json, member_json, person_json

_GIFTS = {
    "unlimited_gifts": False,
    "limited_gifts": False,
    "unique_gifts": False,
    "premium_subscription": False,
    "gifts_from_channels": False,
}


async def get_chat(account: BotAccount, parameters: Parameters) -> dict[str, Any]:
    """Show a `ChatFullInfo`."""
    chat = account.chat(parameters)
    world = account.world
    shown = {
        **chat_json(chat, world.people),
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": _GIFTS,
    }
    if chat.pinned in chat.messages and chat.pinned is not None:
        shown["pinned_message"] = world.message_json(chat.messages[chat.pinned])
    return shown


async def get_chat_member(account: BotAccount, parameters: Parameters) -> dict[str, Any]:
    """Show one `ChatMember`."""
    chat = account.chat(parameters)
    world = account.world
    user_id = parameters.integer("user_id")
    if user_id <= 0:
        raise bad_request("invalid user_id specified")
    if user_id == world.bot["id"]:
        return member_json(world.bot, "member" if chat.is_private else chat.bot_status)
    if user_id not in world.people:
        raise bad_request("PARTICIPANT_ID_INVALID")
    status = chat.members.get(user_id, "member" if chat.id == user_id else "left")
    return member_json(person_json(world.people[user_id]), status)


async def get_chat_administrators(
    account: BotAccount, parameters: Parameters
) -> list[dict[str, Any]]:
    """List the group's administrators, the bot included."""
    chat = account.chat(parameters)
    if chat.is_private:
        raise bad_request("there are no administrators in the private chat")
    world = account.world
    administrators = [
        member_json(person_json(world.people[user_id]), status)
        for user_id, status in chat.members.items()
        if status in {"creator", "administrator"}
    ]
    return [*administrators, member_json(world.bot, chat.bot_status)]


async def get_chat_member_count(account: BotAccount, parameters: Parameters) -> int:
    """Count the members of the chat, the bot included."""
    chat = account.chat(parameters)
    return 2 if chat.is_private else len(chat.members) + 1


async def leave_chat(account: BotAccount, parameters: Parameters) -> bool:
    """Leave a group."""
    chat = account.chat(parameters)
    if chat.is_private:
        raise bad_request("chat member status can't be changed in private chats")
    if chat.bot_status != "administrator":
        raise forbidden("bot is not a member of the supergroup chat")
    chat.bot_status = "left"
    account.world.changes.publish()
    return True


async def pin_chat_message(account: BotAccount, parameters: Parameters) -> bool:
    """Pin a message."""
    chat = account.writable_chat(parameters)
    chat.pinned = account.message(parameters, chat, "message to pin not found").message_id
    return True


async def unpin_chat_message(account: BotAccount, parameters: Parameters) -> bool:
    """Unpin the pinned message."""
    chat = account.writable_chat(parameters)
    if chat.pinned is None:
        raise bad_request("message to unpin not found")
    chat.pinned = None
    return True


async def get_file(account: BotAccount, parameters: Parameters) -> dict[str, Any]:
    """Tell where to download a file."""
    attachment = account.world.files.get(parameters.text("file_id"))
    if attachment is None:
        raise bad_request("invalid file_id")
    return {**file_json(attachment), "file_path": attachment.path}


METHODS = {
    "getChat": get_chat,
    "getChatMember": get_chat_member,
    "getChatAdministrators": get_chat_administrators,
    "getChatMemberCount": get_chat_member_count,
    "leaveChat": leave_chat,
    "pinChatMessage": pin_chat_message,
    "unpinChatMessage": unpin_chat_message,
    "getFile": get_file,
}
