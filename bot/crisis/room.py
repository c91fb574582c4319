"""The room of people at risk: screening, the reviewed replies, and what holds the model silent."""

from dataclasses import dataclass

from bot.context import Context
from bot.crisis.case_recorder import CaseRecorder
from bot.crisis.fixed_reply import FixedReply
from bot.crisis.follow_up import FollowUps
from bot.crisis.interceptors import (
    CrisisReply,
    HoldInterceptor,
    QuestionCloser,
    SafeModeInterceptor,
    TakeoverInterceptor,
)
from bot.crisis.response import CrisisResponder
from bot.crisis.safe_mode import SafeMode
from bot.crisis.safety_plan import SafetyPlans
from bot.crisis.screening import SafeScreener
from bot.crisis.screening_watch import ScreeningWatch
from bot.crisis.unreadable import AlbumSeen, Unheard
from bot.jobs import Job
from bot.operators.announcements import OperatorMessenger
from bot.operators.room import OperatorsRoom
from bot.operators.takeover import TakeoverRelay
from bot.updates.routes import Routes, UpdateClass
from review.lexicon.change_control import LexiconChangeControl
from review.lexicon.live_lexicon import LiveLexicon
from review.lexicon.replays import Replays
from safety.screening.screener import Screener
from storage import Transaction


@dataclass(frozen=True, slots=True)
class CrisisInterceptors:
    """The interceptors of this room. The composition root says in which order they answer."""

    reply: CrisisReply
    takeover: TakeoverInterceptor
    hold: HoldInterceptor
    question_closer: QuestionCloser
    safety_plan: SafetyPlans
    safe_mode: SafeModeInterceptor


@dataclass(frozen=True, slots=True)
class CrisisRoom:
    """What answers people at risk.

    Attributes:
        fixed_reply: answers with reviewed texts, at other risks too.
        screening: the watch over the screener.
        lexicon: what operators do with the lexicon that the screener uses.
        unreadable: answers messages without text.
    """

    responder: CrisisResponder
    fixed_reply: FixedReply
    interceptors: CrisisInterceptors
    screening: ScreeningWatch
    lexicon: LexiconChangeControl
    unreadable: Unheard
    routes: Routes
    jobs: tuple[Job, ...]

    @property
    def screens(self) -> SafeScreener:
        """The screener in use."""
        return self.screening.screens

    @property
    def safe_mode(self) -> SafeMode:
        """The switches that silence the model."""
        return self.screening.safe_mode


def build(context: Context, operators: OperatorsRoom) -> CrisisRoom:
    """Build the room."""
    texts, help_lines = context.texts, context.help_lines
    screening = _screening(context, operators.notices)
    screens = screening.screens
    relay = TakeoverRelay(operators.takeover, operators.desk.clocks)
    recorder = CaseRecorder(operators.desk, screens.hear)
    responder = CrisisResponder(
        texts=texts,
        help_lines=help_lines,
        recorder=recorder,
        relay=relay,
        has_people=operators.notices.has_readers,
    )
    fixed_reply = FixedReply(texts, help_lines, recorder)
    plans = SafetyPlans(context.answers, help_lines)
    follow_ups = FollowUps(context)
    unreadable = Unheard(context, relay, operators.desk)
    context.database.events.subscribe(AlbumSeen, unreadable.remember)
    lexicon = _lexicon(context, screens, operators.notices)
    return CrisisRoom(
        responder=responder,
        fixed_reply=fixed_reply,
        interceptors=CrisisInterceptors(
            reply=CrisisReply(responder),
            takeover=TakeoverInterceptor(relay, recorder),
            hold=HoldInterceptor(responder, fixed_reply, plans),
            question_closer=QuestionCloser(),
            safety_plan=plans,
            safe_mode=SafeModeInterceptor(screening.safe_mode, fixed_reply),
        ),
        screening=screening,
        lexicon=lexicon,
        unreadable=unreadable,
        routes=Routes(
            commands={"plan": plans.on_plan},
            buttons={"plan": plans.on_plan_button, "follow": follow_ups.on_follow},
            classes={UpdateClass.UNREADABLE: unreadable.on_unreadable},
        ),
        jobs=(
            *screening.jobs,
            Job("lexicon", lexicon.live.refresh, 60.0),
            Job("follow_ups", follow_ups.send_due, 30.0),
        ),
    )


def _screening(context: Context, notices: OperatorMessenger) -> ScreeningWatch:
    """Build the screener, and the watch that silences the model if it fails."""
    safe_mode = SafeMode(context.database)
    screens = SafeScreener(Screener.load(), on_failure=safe_mode.trip)
    return ScreeningWatch(context, safe_mode, screens, notices)


def _lexicon(
    context: Context, screens: SafeScreener, notices: OperatorMessenger
) -> LexiconChangeControl:
    """Build the acts of operators on the lexicon that `screens` uses."""
    database = context.database

    async def tell(transaction: Transaction, numbers: list[int]) -> None:
        named = ", ".join(map(str, numbers))
        await notices.put(transaction, "lexicon_left_out", changes=named)

    live = LiveLexicon(database, screens, tell=tell)
    replays = Replays(database, live, folder=context.settings.replay_data)
    return LexiconChangeControl(database, live, replays)
