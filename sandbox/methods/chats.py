"""Methods about chats and their members."""

from typing import Any

from sandbox.account import BotAccount
from sandbox.errors import bad_request, forbidden
from sandbox.parameters import Parameters
from sandbox.wire import chat_json, member_json, person_json

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
    return {
        **chat_json(chat, world.people),
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": _GIFTS,
    }


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


METHODS = {"getChat": get_chat, "getChatMember": get_chat_member, "leaveChat": leave_chat}
