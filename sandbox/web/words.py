"""The words of the web chat's frame in English and Chinese."""

from typing import Literal

Language = Literal["en", "zh"]

_WORDS: dict[str, tuple[str, str]] = {
    "title": ("PICA sandbox", "PICA 沙盒"),
    "banner": (
        "Sandbox: a local Bot API server, nothing leaves this machine. "
        "Demo model, not for people in need.",
        "沙盒：本机的 Bot API 服务器，任何内容都不会离开这台电脑。"
        "演示模型，不能帮助处于困境中的人。",
    ),
    "other_language": ("中文", "English"),
    "switch_language": ("切换到中文", "Switch to English"),
    "people": ("People", "用户"),
    "chat": ("Chat", "聊天"),
    "operators": ("Operators", "值班组"),
    "operator": ("operator", "值守人员"),
    "views": ("Parts of the page", "页面分区"),
    "add_person": ("Add a person", "添加用户"),
    "name": ("Name", "名字"),
    "language": ("Language", "语言"),
    "add": ("Add", "添加"),
    "no_person": ("Choose a person, or add one, to start.", "请选择或添加一位用户，开始聊天。"),
    "bot": ("bot", "机器人"),
    "typing": ("typing…", "正在输入…"),
    "busy": ("sending a file…", "正在发送文件…"),
    "blocked": ("blocked the bot", "已屏蔽机器人"),
    "not_started": ("not started", "尚未开始"),
    "as_person": ("You write as", "你的身份："),
    "start": ("Start", "开始"),
    "start_hint": ("Press Start to say hello to the bot.", "点击“开始”，向机器人问好。"),
    "block": ("Block the bot", "屏蔽机器人"),
    "unblock": ("Unblock the bot", "取消屏蔽"),
    "more": ("More to send", "更多"),
    "send_sticker": ("Send a sticker", "发送贴纸"),
    "send_voice": ("Send a voice message", "发送语音"),
    "send_photo": ("Send a photo", "发送照片"),
    "send_location": ("Send a location", "发送位置"),
    "send_document": ("Send a document", "发送文件"),
    "edit_last": ("Edit my last message", "修改上一条消息"),
    "editing": ("Editing your message", "正在修改消息"),
    "cancel": ("Cancel", "取消"),
    "message": ("Message", "输入消息"),
    "send": ("Send", "发送"),
    "keys_hint": ("Enter sends, Shift+Enter starts a new line", "回车发送，Shift+回车换行"),
    "edited": ("edited", "已编辑"),
    "sticker": ("Sticker", "贴纸"),
    "voice": ("Voice message", "语音消息"),
    "photo": ("Photo", "照片"),
    "location": ("Location", "位置"),
    "contact": ("Contact", "联系人"),
    "download": ("Download", "下载"),
    "close": ("Close", "关闭"),
    "messages": ("Messages", "消息"),
    "draft": ("The reply so far", "正在生成的回复"),
    "empty_chat": ("No messages yet", "还没有消息"),
    "empty_group": (
        "Quiet. Cases that need a person appear here.",
        "暂无消息。需要人工处理的个案会显示在这里。",
    ),
    "topics": ("Topics", "话题"),
    "all_topics": ("All", "全部"),
    "general": ("General", "综合"),
    "closed": ("closed", "已关闭"),
    "topic_opened": ("Topic opened", "话题已创建"),
    "write_as_operator": ("Message as the operator", "以值守人员身份发言"),
    "write_to": ("to", "发往"),
    "write_failed": ("That did not work.", "操作没有成功。"),
}


def translate(key: str, language: Language) -> str:
    """Translate one phrase of the frame."""
    english, chinese = _WORDS[key]
    return chinese if language == "zh" else english


def choose(cookie: str | None, accept_language: str) -> Language:
    """Choose a visitor's language by the cookie, else by the browser."""
    if cookie == "zh":
        return "zh"
    if cookie == "en":
        return "en"
    return "zh" if accept_language.strip().lower().startswith("zh") else "en"
