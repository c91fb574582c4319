"""Which handler python-telegram-bot calls for what: the one list."""

from dataclasses import dataclass
from typing import Any

from telegram import Update
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    TypeHandler,
    filters,
)

from bot.checkins.answers.handlers import AnswerHandlers
from bot.checkins.moods.handlers import MoodPages
from bot.checkins.settings.handlers import CheckInHandlers
from bot.conversation.turn_handler import TurnHandler
from bot.crisis.follow_up import FollowUps
from bot.crisis.safety_plan import SafetyPlans
from bot.operators.console_link import ConsoleLink
from bot.operators.handlers import OperatorHandlers
from bot.operators.shadow_review import ShadowConsent
from bot.people.admission import Admission
from bot.people.commands import Commands
from bot.people.data_rights import DataRightsHandlers
from bot.people.leaving import STOPS, StopHandler
from bot.people.onboarding import ButtonHandlers
from bot.people.safety_page import SafetyPage
from bot.updates.arrivals import Burst


@dataclass(frozen=True, slots=True)
class CheckInRoutes:
    """The handlers of check-ins.

    Attributes:
        setup: `/checkin` and its buttons.
        taps: the buttons under a check-in.
        chart: `/mood`.
    """

    setup: CheckInHandlers
    taps: AnswerHandlers
    chart: MoodPages


COMMANDS = (
    "start",
    "help",
    "new",
    "stop",
    "language",
    "memory",
    "export",
    "offrecord",
    "plan",
    "checkin",
    "mood",
    "privacy",
    "safety",
    "forget",
)
"""What Telegram's menu shows, in order; each has a text `command_…`."""


def register(
    application: Application[Any, Any, Any, Any, Any, Any],
    *,
    gate: Admission,
    conversation: TurnHandler,
    commands: Commands,
    buttons: ButtonHandlers,
    rights: DataRightsHandlers,
    plans: SafetyPlans,
    check_ins: CheckInRoutes,
    follow_ups: FollowUps,
    shadowing: ShadowConsent,
    stopping: StopHandler,
    safety_page: SafetyPage,
    operators: OperatorHandlers,
    console_link: ConsoleLink | None,
) -> None:
    """Hand every handler to python-telegram-bot; the first that fits is called."""

    async def on_burst(burst: Burst, _context: ContextTypes.DEFAULT_TYPE) -> None:
        await conversation.answer(burst)

    async def on_location(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        if not await check_ins.setup.on_location(update):
            await commands.on_unreadable(update, context)

    application.add_handler(TypeHandler(Update, gate.on_update), group=-1)
    application.add_handler(TypeHandler(Burst, on_burst))
    private = filters.ChatType.PRIVATE & filters.UpdateType.MESSAGE
    for name in COMMANDS:
        owners = (
            commands,
            rights,
            plans,
            stopping,
            safety_page,
            check_ins.setup,
            check_ins.chart,
        )
        owner = next(owner for owner in owners if hasattr(owner, f"on_{name}"))
        handler = getattr(owner, f"on_{name}")
        application.add_handler(CommandHandler(name, handler, filters=private))
    if console_link is not None:  # in no menu: strangers are not told of it
        application.add_handler(CommandHandler("console", console_link.on_console, filters=private))
    for kind, handler in {
        "start": buttons.on_start,
        "consent": buttons.on_consent,
        "age": buttons.on_age,
        "region": buttons.on_region,
        "lang": buttons.on_lang,
        "retry": buttons.on_retry,
        "forget": rights.on_forget_button,
        "training": rights.on_training,
        "offrecord": rights.on_offrecord_button,
        "plan": plans.on_plan_button,
        "ci": check_ins.setup.on_button,
        "mood": check_ins.taps.on_mood,
        "chart": check_ins.chart.on_button,
        "follow": follow_ups.on_follow,
        "shadow": shadowing.on_shadow,
        "case": operators.on_case,
    }.items():
        application.add_handler(CallbackQueryHandler(handler, pattern=f"^{kind}:"))
    application.add_handler(CallbackQueryHandler(buttons.on_old))
    application.add_handler(MessageHandler(filters.ChatType.GROUPS, operators.on_words))
    application.add_handler(ChatMemberHandler(commands.on_membership))
    application.add_handler(MessageHandler(private & STOPS, stopping.on_stop))
    application.add_handler(MessageHandler(private & filters.COMMAND, commands.on_unknown))
    application.add_handler(MessageHandler(private & filters.LOCATION, on_location))
    application.add_handler(MessageHandler(private, commands.on_unreadable))
    application.add_handler(TypeHandler(object, commands.on_other))
