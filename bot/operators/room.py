"""The room of the operators: their chat, their commands, and how they are notified."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.context import Context
from bot.jobs import Job
from bot.operators.announcements import OperatorMessenger
from bot.operators.case_commands import CaseCommands
from bot.operators.case_feed import CaseFeed
from bot.operators.chat import OperatorsChat
from bot.operators.digest import Digest
from bot.operators.hand_over_feed import HandOverFeed
from bot.operators.handlers import OperatorHandlers
from bot.operators.pager import Mail, Pager
from bot.operators.public_name import PublicNameCommand
from bot.operators.shadow_review import ReviewedReplySender, ShadowConsent
from bot.operators.takeover import PersonNotifier
from bot.settings import Settings
from bot.texts import Texts
from bot.updates.routes import Routes, UpdateClass
from review.cases.canned_replies import CannedReplies
from review.cases.desk import Desk
from review.cases.escalation import Escalation, EscalationPolicy
from review.cases.events import CaseEvents
from review.cases.hand_over import HandOver
from review.cases.shadow_review import Shadow
from review.cases.takeover import Takeover
from storage.ids import CaseId

CaseLink = Callable[[CaseId], str]


@dataclass(frozen=True, slots=True)
class OperatorsRoom:
    """The parts that operators work with.

    Attributes:
        feed: the case feed, which is also the owner of operators' replies.
    """

    chat: OperatorsChat
    messenger: OperatorMessenger
    feed: CaseFeed
    desk: Desk
    takeover: Takeover
    canned: CannedReplies
    hand_over: HandOver
    shadow: Shadow
    routes: Routes
    jobs: tuple[Job, ...]


def build(context: Context, *, case_link: CaseLink | None = None) -> OperatorsRoom:
    """Build the room.

    Args:
        context: the environment.
        case_link: returns the URL of a case in the console, for pages outside Telegram.
    """
    settings, texts = context.settings, context.texts
    chat = OperatorsChat(settings.operators_chat)
    messenger = OperatorMessenger(
        texts,
        language=settings.operators_language,
        has_readers=settings.operators_chat is not None,
    )
    feed = CaseFeed(messenger, texts, _zone(settings))
    desk = _desk(context, case_link)
    desk.events.add(PersonNotifier(texts, context.help_lines))
    desk.events.add(feed)
    desk.events.add(HandOverFeed(messenger))
    takeover = Takeover(desk)
    canned = CannedReplies(takeover)
    hand_over = HandOver(desk)
    shadow = Shadow(desk, send=ReviewedReplySender(context.answers))
    digest = Digest(database=context.database, messenger=messenger, zone=_zone(settings))
    handlers = OperatorHandlers(
        context, messenger, CaseCommands(canned, hand_over, messenger), chat
    )
    return OperatorsRoom(
        chat=chat,
        messenger=messenger,
        feed=feed,
        desk=desk,
        takeover=takeover,
        canned=canned,
        hand_over=hand_over,
        shadow=shadow,
        routes=Routes(
            buttons={
                "case": handlers.on_case,
                "shadow": ShadowConsent(context.answers, shadow).on_shadow,
            },
            commands={"name": PublicNameCommand(context).on_name},
            classes={UpdateClass.GROUP: handlers.on_words},
        ),
        jobs=(
            Job("escalation", desk.escalation.tick, 2.0),
            Job("digest", digest.send_due, 30.0),
            Job("shadow", shadow.let_go_overdue, 2.0),
        ),
    )


def _desk(context: Context, case_link: CaseLink | None) -> Desk:
    settings, database = context.settings, context.database
    events = CaseEvents()
    policy = EscalationPolicy(timedelta(minutes=settings.acknowledge_minutes), _zone(settings))
    pager = pager_of(settings, context.texts, case_link)
    escalation = Escalation(database, events, policy, page=pager.page)
    return Desk(database, events, escalation)


def pager_of(settings: Settings, texts: Texts, case_link: CaseLink | None) -> Pager:
    """Return the pager outside Telegram, with the ways that are set."""
    webhook, smtp = settings.pager_webhook, settings.smtp_url
    mail = None
    if settings.pager_email and smtp is not None:
        mail = Mail(smtp.get_secret_value(), settings.pager_email)
    return Pager(
        texts,
        settings.operators_language,
        webhook=webhook.get_secret_value() if webhook is not None else None,
        mail=mail,
        link=case_link,
    )


def _zone(settings: Settings) -> ZoneInfo:
    return ZoneInfo(settings.operators_timezone)
