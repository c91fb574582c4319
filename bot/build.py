"""The composition root: puts every part of the service together from the settings.

The only place where parts learn of one another. Knows nothing of the environment, and
nothing of the order in which parts start and end (`service.py`).
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from bot.answering import Answers
from bot.app import Clock, Parts, Telegram, open_database, telegram, utc_now
from bot.backups import KeyMirror
from bot.buttons import Buttons
from bot.case_chat import CaseChat
from bot.commands import Commands
from bot.conversation import Conversation
from bot.crisis import Crisis
from bot.delivery import Delivery
from bot.dispatch import Dispatch
from bot.duties import DutyNotes
from bot.emergency import Emergency
from bot.erasure import Erasure
from bot.finishing import Finisher
from bot.follow_up import FollowUps
from bot.gate import Gate
from bot.handlers import register
from bot.hearing import Hearing
from bot.help_lines import HelpLines
from bot.human import HumanSide, PersonFace
from bot.intake import Intake
from bot.lanes import Lanes, Unit
from bot.leadership import Leadership
from bot.metrics import Metrics
from bot.notices import OperatorNotices
from bot.onboarding import Onboarding
from bot.operators import Operators
from bot.pacing import Pacer
from bot.poller import Poller
from bot.quota import Quota
from bot.reply import Replier
from bot.resources import Resources
from bot.rights import Rights
from bot.safe_mode import SafeMode
from bot.safety_page import SafetyPage
from bot.safety_plan import SafetyPlans
from bot.screening import Screens
from bot.settings import Settings
from bot.shadowing import Sender, Shadowing
from bot.stopping import Stopping
from bot.texts import Texts
from bot.upkeep import Upkeep
from inference import InferenceWorker
from review.clocks import Clocks, Pace
from review.desk import Desk
from review.events import Faces
from review.shadow import Shadow
from review.takeover import Takeover
from safety.duties import Duties
from safety.guard import Guard
from safety.hotlines import Hotlines
from safety.screen import Screener
from storage import Database, hot
from storage.cases import Case
from storage.ids import PersonId
from storage.rounds import RecentRounds


def build(
    settings: Settings,
    worker: InferenceWorker,
    *,
    now: Clock = utc_now,
    pacer: Pacer | None = None,
) -> Parts:
    """Build the service; nothing is started and nothing outside is asked.

    Args:
        settings: with a token.
        worker: the model; whoever loaded it closes it.
        now: the clock, for tests.
        pacer: how fast Telegram lets a bot speak.

    Raises:
        HotlineError: PICA_LOCAL_CONTACTS names a file that cannot be used.
    """
    pacer = pacer or Pacer()
    database = open_database(settings)
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else None
    hot_store = hot.connect(redis_url)
    application = telegram(settings)
    metrics, texts, hotlines = Metrics(), Texts(), Hotlines.load(settings.local_contacts)
    safe_mode = SafeMode(database)
    screener = Screener.load()
    screens = Screens(screener, on_failure=safe_mode.trip)
    help_lines = HelpLines(texts, hotlines)
    duties = Duties.load()
    duty_notes = DutyNotes(texts, duties)
    notices = OperatorNotices(
        texts,
        language=settings.operators_language,
        has_readers=settings.operators_chat is not None,
    )
    leadership = Leadership(database, now=now)
    delivery = Delivery(
        database=database, bot=application.bot, pacer=pacer, metrics=metrics,
        operators_chat=settings.operators_chat, fence=lambda: leadership.fence, now=now,
    )  # fmt: skip
    rounds = RecentRounds(database, hot_store)
    key_mirror = KeyMirror(database, settings.backup_dir, now=now)

    async def handle(unit: Unit) -> None:
        await dispatch.handle(unit)

    async def refill(person_id: PersonId) -> None:
        await intake.refill(person_id)

    def after_crisis(person_id: PersonId) -> None:
        lanes.cancel(person_id)
        delivery.wake()

    lanes = Lanes(handle, refill=refill, burst_window_s=settings.burst_window_s)
    desk = _desk(settings, database, now)
    takeover = Takeover(desk)
    human = HumanSide(takeover, desk.clocks)
    desk.faces.add(PersonFace(texts, help_lines, cut_short=lanes.cancel, wake=delivery.wake))
    desk.faces.add(CaseChat(notices))
    crisis = Crisis(
        texts=texts, help_lines=help_lines, desk=desk, human=human, place=screens.screen,
        has_people=notices.has_readers, after=after_crisis,
    )  # fmt: skip
    erasure = Erasure(
        rounds=rounds, texts=texts, help_lines=help_lines, notices=notices,
        on_erased=key_mirror.mark, forget_words=worker.forget,
    )  # fmt: skip
    onboarding = Onboarding(
        texts=texts, help_lines=help_lines, erasure=erasure, duties=duty_notes,
        retention_days=settings.retention_days, warns_of_demo=worker.is_demo,
    )  # fmt: skip
    gate = Gate(
        database=database, crisis=crisis, erasure=erasure, texts=texts, wake=delivery.wake, now=now,
        is_closed=settings.pilot, listed=settings.pilot_people | settings.operators,
    )  # fmt: skip
    quota = Quota(texts, settings.daily_quota)
    answers = Answers(database=database, texts=texts, wake=delivery.wake, now=now)
    plans = SafetyPlans(answers, help_lines)
    follow_ups = FollowUps(database=database, answers=answers, wake=delivery.wake, now=now)
    shadow = Shadow(desk, send=Sender(answers), forget_rounds=rounds.drop)
    finisher = Finisher(
        crisis=crisis, safe_mode=safe_mode, quota=quota, resources=Resources(texts, help_lines),
        duties=duty_notes, shadow=shadow, texts=texts, now=now,
    )  # fmt: skip
    replier = Replier(
        database=database, rounds=rounds, worker=worker, bot=application.bot, pacer=pacer,
        guard=Guard(screener, hotlines), finisher=finisher, texts=texts,
        metrics=metrics, streaming=settings.streaming, persona=settings.persona,
        max_new_tokens=settings.max_new_tokens, wake=delivery.wake, now=now,
    )  # fmt: skip
    conversation = Conversation(
        database=database, hearing=Hearing(screens), crisis=crisis, human=human,
        onboarding=onboarding, gate=gate, quota=quota, safe_mode=safe_mode, replier=replier,
        plans=plans, texts=texts, wake=delivery.wake, now=now,
    )  # fmt: skip
    emergency = Emergency(
        bot=application.bot, pacer=pacer, crisis=crisis, metrics=metrics,
        spool=settings.data_dir / "emergency.json",
    )  # fmt: skip
    intake = Intake(
        database=database, bot=application.bot, screens=screens, crisis=crisis,
        emergency=emergency, lanes=lanes, metrics=metrics, now=now,
    )  # fmt: skip
    dispatch = Dispatch(
        application=application, database=database, texts=texts, metrics=metrics,
        wake=delivery.wake, now=now,
    )  # fmt: skip
    _register(
        settings, application, database, answers, notices, desk, onboarding, erasure, gate,
        human, conversation, plans, follow_ups, intake,
        Shadowing(answers, shadow),
        Stopping(answers=answers, gate=gate, help_lines=help_lines),
        SafetyPage(
            answers=answers, hotlines=hotlines, duties=duties, lexicon=screener.version,
            has_people=notices.has_readers,
        ),
        wake=delivery.wake, now=now,
    )  # fmt: skip
    return Parts(
        settings=settings, database=database, hot=hot_store, worker=worker,
        application=application, metrics=metrics, texts=texts, lanes=lanes, delivery=delivery,
        intake=intake,
        poller=Poller(
            bot=application.bot, receive=intake.receive, rescue=intake.rescue, now=now
        ),
        leadership=leadership,
        upkeep=Upkeep(
            database=database, safe_mode=safe_mode, screens=screens, lanes=lanes,
            notices=notices, follow_ups=follow_ups, clocks=desk.clocks, shadow=shadow,
            metrics=metrics,
            retention_days=settings.retention_days, wake=delivery.wake, now=now,
        ),
        safe_mode=safe_mode,
        key_mirror=key_mirror,
        desk=desk,
        takeover=takeover,
        shadow=shadow,
    )  # fmt: skip


def _desk(settings: Settings, database: Database, now: Clock) -> Desk:
    """Where operators see to cases, whatever face they use."""
    faces = Faces()
    pace = Pace(
        timedelta(minutes=settings.acknowledge_minutes), ZoneInfo(settings.operators_timezone)
    )

    async def page(_case: Case, _now: datetime) -> bool:
        return False

    return Desk(database, faces, Clocks(database, faces, pace, page=page, now=now), now=now)


def _register(
    settings: Settings,
    application: Telegram,
    database: Database,
    answers: Answers,
    notices: OperatorNotices,
    desk: Desk,
    onboarding: Onboarding,
    erasure: Erasure,
    gate: Gate,
    human: HumanSide,
    conversation: Conversation,
    plans: SafetyPlans,
    follow_ups: FollowUps,
    intake: Intake,
    shadowing: Shadowing,
    stopping: Stopping,
    safety_page: SafetyPage,
    *,
    wake: Callable[[], None],
    now: Clock,
) -> None:
    operators = Operators(
        database=database, texts=answers.texts, notices=notices, desk=desk,
        chat_id=settings.operators_chat, wake=wake, now=now,
    )  # fmt: skip
    register(
        application,
        gate=gate,
        conversation=conversation,
        commands=Commands(
            database=database, answers=answers, onboarding=onboarding, gate=gate, human=human,
            operators=operators, retention_days=settings.retention_days,
        ),
        buttons=Buttons(
            database=database, answers=answers, onboarding=onboarding,
            conversation=conversation, readmit=intake.readmit,
        ),
        rights=Rights(
            answers=answers, onboarding=onboarding, erasure=erasure,
            retention_days=settings.retention_days,
        ),
        shadowing=shadowing,
        stopping=stopping,
        safety_page=safety_page,
        plans=plans,
        follow_ups=follow_ups,
        operators=operators,
    )  # fmt: skip
