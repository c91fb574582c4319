"""The room that serves people at risk: screening, reviewed replies and safe mode."""

from dataclasses import dataclass

from bot.context import Context
from bot.crisis.case_recorder import CaseRecorder
from bot.crisis.contact_alert import ContactAlert
from bot.crisis.contact_setup import ContactSetup
from bot.crisis.contact_side import ContactSide
from bot.crisis.context_screening import ContextScreener
from bot.crisis.fixed_reply import FixedReply
from bot.crisis.follow_up import FollowUps
from bot.crisis.interceptors import (
    CrisisReply,
    HoldInterceptor,
    QuestionCloser,
    SafeModeInterceptor,
    TakeoverInterceptor,
)
from bot.crisis.other_languages import OtherLanguageInterceptor
from bot.crisis.response import CrisisResponder
from bot.crisis.safe_mode import SafeMode
from bot.crisis.safety_plan import SafetyPlans
from bot.crisis.screening import SafeScreener
from bot.crisis.screening_watch import ScreeningWatch
from bot.crisis.unreadable import UnreadableHandler
from bot.jobs import Job
from bot.operators.announcements import OperatorMessenger
from bot.operators.room import OperatorsRoom
from bot.operators.takeover import TakeoverForwarder
from bot.texts.foreign import ForeignSpeech
from bot.updates.routes import Routes, UpdateClass
from review.lexicon.change_control import LexiconChangeControl
from review.lexicon.live_lexicon import LiveLexicon
from review.lexicon.replays import Replays
from safety.screening.screener import Screener
from storage import Transaction


@dataclass(frozen=True, slots=True)
class CrisisInterceptors:
    """The interceptors of this room, which the composition root puts in order."""

    reply: CrisisReply
    takeover: TakeoverInterceptor
    hold: HoldInterceptor
    question_closer: QuestionCloser
    safety_plan: SafetyPlans
    other_language: OtherLanguageInterceptor
    contact_name: ContactSetup
    safe_mode: SafeModeInterceptor


@dataclass(frozen=True, slots=True)
class CrisisRoom:
    """The parts that serve people at risk.

    Attributes:
        fixed_reply: answers with reviewed texts, for all rooms.
        screening: watches the screener.
        lexicon: the operators' changes of the screener's lexicon.
        unreadable: answers messages without text.
        contact_alert: tells trusted contacts.
        contact_side: answers people who are asked to be a contact.
    """

    responder: CrisisResponder
    fixed_reply: FixedReply
    interceptors: CrisisInterceptors
    screening: ScreeningWatch
    lexicon: LexiconChangeControl
    unreadable: UnreadableHandler
    contact_alert: ContactAlert
    contact_side: ContactSide
    routes: Routes
    jobs: tuple[Job, ...]

    @property
    def screener(self) -> SafeScreener:
        """The screener in use."""
        return self.screening.screener

    @property
    def context_screener(self) -> ContextScreener:
        """The screener of messages in their context."""
        return ContextScreener(self.screener)

    @property
    def safe_mode(self) -> SafeMode:
        """The switches that silence the model."""
        return self.screening.safe_mode


def build(context: Context, operators: OperatorsRoom) -> CrisisRoom:
    """Build the room."""
    texts, help_lines = context.texts, context.help_lines
    watch = _screening_watch(context, operators.messenger)
    screener = watch.screener
    forwarder = TakeoverForwarder(operators.takeover, operators.desk.escalation)
    speech = ForeignSpeech(texts, help_lines)
    recorder = CaseRecorder(operators.desk, screener.screen_async)
    alert = ContactAlert(texts, help_lines, operators.messenger)
    side = ContactSide(texts)
    contacts = ContactSetup(context.answers, context.bot, alert=alert, side=side)
    responder = CrisisResponder(
        texts=texts,
        help_lines=help_lines,
        speech=speech,
        recorder=recorder,
        forwarder=forwarder,
        contacts=alert,
        has_operators=operators.messenger.has_readers,
    )
    fixed_reply = FixedReply(texts, help_lines, recorder)
    plans = SafetyPlans(context.answers, help_lines)
    follow_ups = FollowUps(context)
    unreadable = UnreadableHandler(context, forwarder, operators.desk, alert)
    lexicon = _lexicon(context, screener, operators.messenger)
    return CrisisRoom(
        responder=responder,
        fixed_reply=fixed_reply,
        interceptors=CrisisInterceptors(
            reply=CrisisReply(responder),
            takeover=TakeoverInterceptor(forwarder, recorder),
            hold=HoldInterceptor(responder, fixed_reply, (plans, contacts)),
            question_closer=QuestionCloser(),
            safety_plan=plans,
            other_language=OtherLanguageInterceptor(speech, fixed_reply),
            contact_name=contacts,
            safe_mode=SafeModeInterceptor(watch.safe_mode, fixed_reply),
        ),
        screening=watch,
        lexicon=lexicon,
        unreadable=unreadable,
        contact_alert=alert,
        contact_side=side,
        routes=Routes(
            commands={"plan": plans.on_plan, "contact": contacts.on_contact},
            buttons={
                "plan": plans.on_plan_button,
                "follow": follow_ups.on_follow,
                "contact": contacts.on_button,
            },
            classes={UpdateClass.UNREADABLE: unreadable.on_unreadable},
        ),
        jobs=(
            *watch.jobs,
            Job("lexicon", lexicon.live.refresh, 60.0),
            Job("follow_ups", follow_ups.send_due, 30.0),
        ),
    )


def _screening_watch(context: Context, messenger: OperatorMessenger) -> ScreeningWatch:
    safe_mode = SafeMode(context.database)
    screener = SafeScreener(Screener.load(), on_failure=safe_mode.trip)
    return ScreeningWatch(context, safe_mode, screener, messenger)


def _lexicon(
    context: Context, screener: SafeScreener, messenger: OperatorMessenger
) -> LexiconChangeControl:
    database = context.database

    async def tell(transaction: Transaction, numbers: list[int]) -> None:
        changes = ", ".join(map(str, numbers))
        await messenger.post_text(transaction, "lexicon_left_out", changes=changes)

    live = LiveLexicon(database, screener, tell=tell)
    replays = Replays(database, live, folder=context.settings.replay_data)
    return LexiconChangeControl(database, live, replays)
