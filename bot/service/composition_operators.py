"""The operators' side of the service, put together: desk, takeover, clocks, their chat, pager.

A part of the composition root (`build.py`).
"""

from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from telegram import Bot

from bot.checkins.outgoing.recall import Recall
from bot.crisis.screening import SafeScreener
from bot.delivery.outcomes import Outcomes
from bot.operators.announcements import OperatorMessenger
from bot.operators.case_commands import CaseCommands
from bot.operators.case_feed import CaseFeed
from bot.operators.chat import OperatorsChat
from bot.operators.digest import Digest
from bot.operators.handlers import OperatorHandlers
from bot.operators.pager import Mail, Pager
from bot.operators.takeover import TakeoverRelay
from bot.operators.topics import Topics
from bot.service.leadership import Leadership
from bot.settings import Settings
from bot.texts import Texts
from bot.transport.rate_limit import RateLimiter
from console.address import ROOT
from console.app import Console
from review.cases.desk import Desk
from review.cases.escalation import Escalation, EscalationPolicy
from review.cases.events import CaseEvents
from review.cases.shadow_review import Shadow
from review.cases.takeover import Takeover
from review.lexicon.change_control import LexiconChangeControl
from review.lexicon.live_lexicon import LiveLexicon
from review.lexicon.replays import Replays
from storage import Database, Transaction
from storage.ids import CaseId
from storage.messages.outbox import MessageKind


@dataclass(frozen=True, slots=True)
class OperatorsRoom:
    """What operators work with, and how they are told."""

    chat: OperatorsChat
    notices: OperatorMessenger
    case_chat: CaseFeed
    topics: Topics
    outcomes: Outcomes
    desk: Desk
    takeover: Takeover
    human: TakeoverRelay


def operators_side(
    settings: Settings,
    database: Database,
    texts: Texts,
    bot: Bot,
    pacer: RateLimiter,
    recall: Recall,
) -> OperatorsRoom:
    """Build it; faces are added by the caller."""
    chat = OperatorsChat(settings.operators_chat)
    notices = OperatorMessenger(
        texts,
        language=settings.operators_language,
        has_readers=settings.operators_chat is not None,
    )
    case_chat = CaseFeed(notices, texts)
    topics = Topics(database=database, bot=bot, pacer=pacer, chat=chat, notices=notices)
    outcomes = Outcomes(
        database=database,
        chat=chat,
        topics=topics,
        owners={MessageKind.CHECK_IN: recall, MessageKind.RELAY: case_chat},
    )
    events = CaseEvents()
    pace = EscalationPolicy(timedelta(minutes=settings.acknowledge_minutes), _zone(settings))
    pager = pager_of(settings, texts)
    clocks = Escalation(database, events, pace, page=pager.page)
    desk = Desk(database, events, clocks)
    takeover = Takeover(desk)
    return OperatorsRoom(
        chat=chat,
        notices=notices,
        case_chat=case_chat,
        topics=topics,
        outcomes=outcomes,
        desk=desk,
        takeover=takeover,
        human=TakeoverRelay(takeover, clocks),
    )


def operators_handlers(side: OperatorsRoom, database: Database, texts: Texts) -> OperatorHandlers:
    """What they press and write in Telegram."""
    return OperatorHandlers(
        database=database,
        texts=texts,
        notices=side.notices,
        acts=CaseCommands(side.desk, side.takeover, side.notices),
        chat=side.chat,
    )


def digest_of(
    side: OperatorsRoom,
    settings: Settings,
    database: Database,
) -> Digest:
    """What tells them of level 2."""
    return Digest(database=database, notices=side.notices, zone=_zone(settings))


def console_of(
    settings: Settings,
    side: OperatorsRoom,
    policy: LexiconChangeControl,
    database: Database,
    shadow: Shadow,
    leadership: Leadership,
) -> Console | None:
    """The operators' pages, a face of cases; None where they are switched off."""
    if not settings.console:
        return None
    return Console(
        database=database,
        desk=side.desk,
        takeover=side.takeover,
        shadow=shadow,
        policy=policy,
        url=settings.console_address,
        zone=_zone(settings),
        leads=lambda: leadership.leads,
    )


def policy_of(
    settings: Settings,
    database: Database,
    screens: SafeScreener,
    notices: OperatorMessenger,
) -> LexiconChangeControl:
    """What operators do with the lexicon; `screens` follows it."""

    async def tell(transaction: Transaction, numbers: list[int]) -> None:
        named = ", ".join(map(str, numbers))
        await notices.put(transaction, "lexicon_left_out", changes=named)

    live = LiveLexicon(database, screens, tell=tell)
    replays = Replays(database, live, folder=settings.replay_data)
    return LexiconChangeControl(database, live, replays)


def pager_of(settings: Settings, texts: Texts) -> Pager:
    """The pager outside Telegram, with the ways that are set."""
    webhook, smtp = settings.pager_webhook, settings.smtp_url
    mail = None
    if settings.pager_email and smtp is not None:
        mail = Mail(smtp.get_secret_value(), settings.pager_email)

    def link(case_id: CaseId) -> str | None:
        """Where a browser elsewhere finds the case; nowhere without a public address."""
        if not settings.console or settings.console_url is None:
            return None
        return f"{settings.console_url}{ROOT}/cases/{case_id}"

    return Pager(
        texts,
        settings.operators_language,
        webhook=webhook.get_secret_value() if webhook is not None else None,
        mail=mail,
        link=link,
    )


def _zone(settings: Settings) -> ZoneInfo:
    return ZoneInfo(settings.operators_timezone)
