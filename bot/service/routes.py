"""The handlers as python-telegram-bot calls them, and the order of the command menu."""

from telegram import Message, Update
from telegram.ext import (
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    MessageHandler,
    TypeHandler,
    filters,
)

from bot.context import Telegram
from bot.updates.arrivals import Burst
from bot.updates.parsing import is_stop
from bot.updates.routes import Routes, UpdateClass

# The menu of commands in Telegram. Each has a text `command_…`.
COMMANDS = (
    "start",
    "help",
    "human",
    "sos",
    "new",
    "stop",
    "language",
    "memory",
    "export",
    "offrecord",
    "plan",
    "contact",
    "checkin",
    "mood",
    "privacy",
    "safety",
    "forget",
)


class _StopWord(filters.MessageFilter):
    def filter(self, message: Message) -> bool:
        return is_stop(message.text or "")


PRIVATE = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE
EDITED = filters.ChatType.PRIVATE & filters.UpdateType.EDITED_MESSAGE
# Telegram tries the commands first, then these in order.
MESSAGES = (
    (filters.ChatType.GROUPS, UpdateClass.GROUP),
    ((PRIVATE | EDITED) & _StopWord(), UpdateClass.STOP),
    (EDITED & filters.COMMAND, UpdateClass.EDITED_COMMAND),
    (PRIVATE & filters.COMMAND, UpdateClass.UNKNOWN_COMMAND),
    (PRIVATE & filters.LOCATION, UpdateClass.LOCATION),
    (PRIVATE, UpdateClass.UNREADABLE),
)


def register(application: Telegram, routes: Routes) -> None:
    """Register every handler. python-telegram-bot calls the first that matches."""
    classes = routes.classes
    application.add_handler(TypeHandler(Update, classes[UpdateClass.EVERY]), group=-1)
    application.add_handler(TypeHandler(Burst, classes[UpdateClass.BURST]))
    unlisted = [name for name in routes.commands if name not in COMMANDS]
    for name in (*COMMANDS, *unlisted):
        application.add_handler(CommandHandler(name, routes.commands[name], filters=PRIVATE))
    for name, handler in routes.buttons.items():
        application.add_handler(CallbackQueryHandler(handler, pattern=f"^{name}:"))
    application.add_handler(CallbackQueryHandler(classes[UpdateClass.OLD_BUTTON]))
    for messages, update_class in MESSAGES:
        application.add_handler(MessageHandler(messages, classes[update_class]))
    application.add_handler(ChatMemberHandler(classes[UpdateClass.MEMBERSHIP]))
    application.add_handler(TypeHandler(object, classes[UpdateClass.OTHER]))
