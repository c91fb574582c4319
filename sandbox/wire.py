"""The Bot API's JSON for the state in memory."""

from typing import Any

from sandbox.model import Attachment, Chat, ChatMessage, SandboxPerson

Json = dict[str, Any]


def person_json(person: SandboxPerson) -> Json:
    """Show a person as a `User`."""
    return {
        "id": person.id,
        "is_bot": False,
        "first_name": person.first_name,
        "language_code": person.language_code,
    }


def chat_json(chat: Chat, people: dict[int, SandboxPerson]) -> Json:
    """Show a `Chat`."""
    if chat.is_private:
        return {"id": chat.id, "type": "private", "first_name": people[chat.id].first_name}
    shown: Json = {"id": chat.id, "type": "supergroup", "title": chat.title}
    if chat.is_forum:
        shown["is_forum"] = True
    return shown


def file_json(attachment: Attachment) -> Json:
    """Show the fields that every file has."""
    return {
        "file_id": attachment.file_id,
        "file_unique_id": f"u{attachment.file_id}",
        "file_size": len(attachment.content),
    }


def attachment_json(attachment: Attachment) -> Json:
    """Show the fields of a message that hold its file."""
    shown = file_json(attachment)
    size = {"width": attachment.width, "height": attachment.height}
    if attachment.kind == "photo":
        return {"photo": [{**shown, **size}]}
    if attachment.kind == "sticker":
        sticker = {
            **shown,
            **size,
            "type": "regular",
            "is_animated": False,
            "is_video": False,
            "emoji": attachment.emoji,
        }
        return {"sticker": sticker}
    shown["mime_type"] = attachment.mime_type
    if attachment.kind == "voice":
        return {"voice": {**shown, "duration": attachment.duration_s}}
    return {"document": {**shown, "file_name": attachment.filename}}


def message_json(
    message: ChatMessage,
    chat: Chat,
    people: dict[int, SandboxPerson],
    bot: Json,
    *,
    with_reply: bool = True,
) -> Json:
    """Show a `Message`, with the message that it replies to one level deep."""
    sender = bot if message.from_bot else person_json(people[message.sender_id])
    shown: Json = {
        "message_id": message.message_id,
        "from": sender,
        "chat": chat_json(chat, people),
        "date": message.date,
        **message.extra,
    }
    words = "caption" if message.attachment else "text"
    if message.text:
        shown[words] = message.text
        if message.entities:
            shown["entities" if words == "text" else "caption_entities"] = message.entities
    if message.attachment:
        shown.update(attachment_json(message.attachment))
    if message.edited_at is not None:
        shown["edit_date"] = message.edited_at
    if message.keyboard:
        shown["reply_markup"] = {"inline_keyboard": message.keyboard}
    if message.thread_id is not None:
        shown["message_thread_id"] = message.thread_id
        shown["is_topic_message"] = True
    target = message.reply_to if message.reply_to is not None else message.thread_id
    if with_reply and target in chat.messages and target != message.message_id:
        shown["reply_to_message"] = message_json(
            chat.messages[target], chat, people, bot, with_reply=False
        )
    return shown


def member_json(user: Json, status: str) -> Json:
    """Show a `ChatMember` of any status."""
    shown: Json = {"user": user, "status": status}
    if status == "kicked":
        shown["until_date"] = 0
    if status == "creator":
        shown["is_anonymous"] = False
    if status == "administrator":
        rights = [
            "can_be_edited",
            "is_anonymous",
            "can_manage_chat",
            "can_delete_messages",
            "can_manage_video_chats",
            "can_restrict_members",
            "can_promote_members",
            "can_change_info",
            "can_invite_users",
            "can_post_stories",
            "can_edit_stories",
            "can_delete_stories",
            "can_pin_messages",
            "can_manage_topics",
            "can_manage_direct_messages",
        ]
        shown.update({right: right not in {"can_be_edited", "is_anonymous"} for right in rights})
    return shown
