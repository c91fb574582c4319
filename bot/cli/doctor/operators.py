"""Checks of the operators: the roster, the pager and the operators' chat.

The checks change nothing and send no page.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar
from zoneinfo import ZoneInfo

from telegram import Bot, ChatMemberAdministrator
from telegram.constants import ChatAction
from telegram.error import TelegramError

from bot.cli.doctor.findings import Finding, bad, good, warning
from bot.context import open_database, telegram_bot
from bot.service.gauges import MANY_TRIES
from bot.settings import Settings
from bot.transport.errors import Failure, read
from review.operators import roster
from storage import Transaction
from storage.database import schema_version
from storage.messages import outbox
from storage.review import operators

CLOSED = (Failure.NO_THREAD, Failure.UNREACHABLE, Failure.NOT_NOW)
CountedT = TypeVar("CountedT")


async def check_operators(settings: Settings) -> list[Finding]:
    """Check that messages at risk reach operators."""
    if settings.operators_chat is None:
        return [
            warning(
                "operators",
                "PICA_OPERATORS_CHAT is not set, so messages at risk reach no operator",
                "Set PICA_OPERATORS_CHAT and PICA_OPERATORS. See docs/operations.md, Operators.",
            )
        ]
    findings = [await _roster(settings), _pager(settings), *await _waiting(settings)]
    if settings.telegram_token is not None:
        findings += await _chat(settings, settings.operators_chat)
    return findings


async def _roster(settings: Settings) -> Finding:
    """Check that operators are listed and on duty now."""
    counts = await _counted(settings)
    if counts is None:  # the database is new, or another check reports its fault
        counts = len(settings.operators), len(settings.operators)
    listed, on_duty = counts
    if not listed:
        return warning(
            "operators",
            "no operator is listed, so no case can be claimed",
            "Set PICA_OPERATORS, or run `pica operators add ID`.",
        )
    text = f"{listed} listed, {on_duty} on duty now"
    if not on_duty:
        return warning("operators", text, "Set duty hours: `pica operators hours ID …`.")
    return good("operators", text)


async def _counted(settings: Settings) -> tuple[int, int] | None:
    async def count(transaction: Transaction) -> tuple[int, int]:
        listed = await operators.listed(transaction, active=False)
        duty = await roster.on_duty(transaction, ZoneInfo(settings.operators_timezone))
        known = {operator.telegram_id for operator in listed}
        seeded = len(settings.operators - known)  # the next start lists them
        return sum(operator.is_active for operator in listed) + seeded, len(duty) + seeded

    return await _read(settings, count)


async def _read(
    settings: Settings, count: Callable[[Transaction], Awaitable[CountedT]]
) -> CountedT | None:
    """Count in the database, or return None if it is new or another check reports its fault."""
    if settings.secret_key is None:
        return None
    try:
        database = open_database(settings)
    except Exception:  # the check of the database reports it
        return None
    try:
        if await database.version() != schema_version.newest():
            return None
        async with database.read() as transaction:
            return await count(transaction)
    except Exception:  # as above
        return None
    finally:
        await database.aclose()


def _pager(settings: Settings) -> Finding:
    if settings.pager_webhook is None and not settings.pager_email:
        return warning(
            "pager",
            "none outside Telegram, so an operator who does not look there is not called",
            "Set PICA_PAGER_WEBHOOK, or PICA_PAGER_EMAIL and PICA_SMTP_URL.",
        )
    ways = [
        name
        for name, is_set in (
            ("webhook", settings.pager_webhook is not None),
            ("e-mail", bool(settings.pager_email)),
        )
        if is_set
    ]
    return good("pager", f"{' and '.join(ways)}; not tried")


async def _waiting(settings: Settings) -> list[Finding]:
    """Check that no message waits for the operators' chat."""
    count = await _read(
        settings,
        lambda transaction: outbox.count_stuck(
            transaction, tries=MANY_TRIES, audience=outbox.Audience.OPERATORS
        ),
    )
    if not count:
        return []
    return [
        bad(
            "operators' chat",
            f"has not taken {count} messages, after {MANY_TRIES} tries or more",
            "Open its General topic, and let the bot write there. The console shows the cases.",
        )
    ]


async def _closed(bot: Bot, chat_id: int) -> str:
    """Return why nothing can be written in the chat, or "" if it can."""
    try:
        await bot.send_chat_action(chat_id, ChatAction.TYPING)
    except TelegramError as error:
        failed = read(error)
        return failed.name if failed.failure in CLOSED else ""
    return ""


async def _chat(settings: Settings, chat_id: int) -> list[Finding]:
    """Check that the bot is in the operators' group and may manage topics there."""
    try:
        async with telegram_bot(settings) as bot:
            chat = await bot.get_chat(chat_id)
            member = await bot.get_chat_member(chat_id, bot.id)
            closed = await _closed(bot, chat_id)
    except TelegramError as error:
        return [
            bad(
                "operators' chat",
                f"cannot be reached ({type(error).__name__})",
                "Add the bot to the group whose id is PICA_OPERATORS_CHAT.",
            )
        ]
    if member.status in ("left", "kicked"):
        return [bad("operators' chat", "the bot is not in it", "Add it to the group.")]
    if closed:
        return [
            bad(
                "operators' chat",
                f"cannot be written to ({closed}), so notices of cases wait",
                "Open its General topic, and let the bot write there.",
            )
        ]
    if not chat.is_forum:
        return [
            warning(
                "operators' chat",
                "has no topics, so all cases share one chat, and after a /forget the person's "
                "messages there must be deleted by hand",
                "Turn on topics in the group's settings.",
            )
        ]
    if not (
        isinstance(member, ChatMemberAdministrator)
        and member.can_manage_topics
        and member.can_delete_messages  # needed to delete a topic with its messages
    ):
        return [
            warning(
                "operators' chat",
                "the bot may not manage and delete topics in it",
                "Make the bot an admin with the rights to manage topics and delete messages.",
            )
        ]
    return [good("operators' chat", "can be reached, with topics for cases from level 3")]
