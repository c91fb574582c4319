"""The line that a check-in goes along, put together as the service does: from due to sent."""

from collections.abc import Callable
from typing import Any, cast
from zoneinfo import ZoneInfo

from telegram import Bot
from telegram.ext import Application
from telegram.request import HTTPXRequest

from bot.checkins.outgoing.evaluation import CheckInCounted
from bot.checkins.outgoing.job import CheckInJob
from bot.checkins.outgoing.recall import Recall
from bot.checkins.outgoing.scheduler import CheckInScheduler
from bot.delivery.outcomes import Outcomes
from bot.delivery.relay import OutboxRelay
from bot.metrics import Metrics
from bot.operators.announcements import OperatorMessenger
from bot.operators.chat import OperatorsChat
from bot.operators.group_outage import GroupOutage
from bot.operators.topics import Topics
from bot.texts import Texts
from bot.transport.rate_limit import RateLimiter
from storage import Database
from storage.messages.outbox import MessageKind

TEXTS = Texts()


def bot_of(token: str, api_url: str) -> Bot:
    """python-telegram-bot's bot, on the sandbox."""
    request = HTTPXRequest(
        connection_pool_size=64,
        pool_timeout=30,
        read_timeout=15,
        httpx_kwargs={"verify": False},  # no TLS here: loading certificates takes long
    )
    built = Application.builder().token(token).base_url(f"{api_url}/bot").request(request)
    return cast("Bot", built.updater(None).build().bot)


class Line:
    """Rounds, words, outbox and delivery."""

    def __init__(
        self,
        database: Database,
        bot: Bot,
        *,
        count: Callable[[str], None] = lambda _outcome: None,
        **clock: Any,
    ) -> None:
        database.events.subscribe(CheckInCounted, lambda counted: count(counted.outcome))
        limiter, chat, metrics = RateLimiter(), OperatorsChat(None), Metrics()
        topics = Topics(
            database=database,
            bot=bot,
            limiter=limiter,
            chat=chat,
            messenger=OperatorMessenger(TEXTS, language="zh", has_readers=False),
        )
        messenger = OperatorMessenger(TEXTS, language="zh", has_readers=False)
        outcomes = Outcomes(
            database=database,
            chat=chat,
            topics=topics,
            owners={MessageKind.CHECK_IN: Recall()},
            outage=GroupOutage(database, messenger, TEXTS, ZoneInfo("UTC")),
        )
        self.delivery = OutboxRelay(
            database=database,
            bot=bot,
            limiter=limiter,
            metrics=metrics,
            chat=chat,
            topics=topics,
            outcomes=outcomes,
            fence=lambda: None,
        )
        self.asking = CheckInJob(rounds=CheckInScheduler(database=database, **clock), texts=TEXTS)
