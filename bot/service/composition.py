"""The composition root: puts every part of the service together from the settings.

The only place where parts learn of one another.
"""

from collections.abc import Mapping

from bot.checkins.answers.handlers import AnswerHandlers
from bot.checkins.answers.interceptor import CheckInInterceptor
from bot.checkins.moods.handlers import MoodPages
from bot.checkins.outgoing.evaluation import CheckInCounted
from bot.checkins.outgoing.job import CheckInJob
from bot.checkins.outgoing.recall import Recall
from bot.checkins.outgoing.scheduler import CheckInScheduler
from bot.checkins.settings.handlers import CheckInHandlers
from bot.conversation.completion import TurnCompleter
from bot.conversation.context_screening import ContextScreener
from bot.conversation.legal_notices import LegalNotices
from bot.conversation.model_memory import SessionCacheEviction
from bot.conversation.quota import Quota
from bot.conversation.reply import Replier
from bot.conversation.turn_handler import TurnHandler
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
from bot.crisis.resource_footer import ResourceFooter
from bot.crisis.response import CrisisResponder
from bot.crisis.safe_mode import SafeMode
from bot.crisis.safety_plan import SafetyPlans
from bot.crisis.screening import SafeScreener
from bot.crisis.unreadable import AlbumSeen, Unheard
from bot.delivery.relay import OutboxRelay
from bot.metrics import Metrics
from bot.operators.console_link import ConsoleLink
from bot.operators.shadow_review import ReviewedReplySender, ShadowConsent
from bot.operators.takeover import PersonNotifier
from bot.people.admission import Admission
from bot.people.commands import Commands
from bot.people.data_rights import DataRightsHandlers
from bot.people.erasure import Erasure
from bot.people.leaving import StopHandler
from bot.people.onboarding import ButtonHandlers, Onboarding
from bot.people.safety_page import SafetyPage
from bot.receiving.dispatch import Dispatch
from bot.receiving.fallback_reply import FallbackReply
from bot.receiving.intake import Intake
from bot.receiving.lanes import Lanes
from bot.receiving.poller import Poller
from bot.service.composition_operators import (
    OperatorsRoom,
    console_of,
    digest_of,
    operators_handlers,
    operators_side,
    policy_of,
)
from bot.service.connections import Telegram, open_database, telegram
from bot.service.jobs import Work, table_of
from bot.service.key_backup import KeyBackup
from bot.service.leadership import Leadership
from bot.service.own_files import SPOOL
from bot.service.parts import Parts
from bot.service.retention_sweep import RetentionSweep
from bot.service.routes import CheckInRoutes, register
from bot.service.screening_watch import ScreeningWatch
from bot.settings import Settings
from bot.texts import Texts
from bot.texts.help_lines import HelpLines
from bot.transport.rate_limit import RateLimiter
from bot.updates.arrivals import Arrival, Unit
from bot.updates.responder import Responder
from console.app import Console
from inference import LanguageModel
from review.cases.shadow_review import Shadow
from safety.response.hotlines import Hotlines
from safety.response.legal_duties import Duties
from safety.response.output_guard import OutputGuard
from safety.screening.screener import Screener
from storage import Clock, Database, utc_now
from storage.companion import round_cache
from storage.companion.recent_rounds import RecentRounds
from storage.database.events import (
    CaseChanged,
    EventBus,
    MessagesQueued,
    PersonErased,
    PersonInterrupted,
    RoundsChanged,
    SessionsEnded,
)
from storage.ids import PersonId


def build(
    settings: Settings,
    worker: LanguageModel,
    *,
    clock: Clock = utc_now,
    pacer: RateLimiter | None = None,
    every_s: Mapping[str, float] | None = None,
) -> Parts:
    """Build the service; nothing is started and nothing outside is asked.

    Args:
        settings: with a token.
        worker: the model; whoever loaded it closes it.
        clock: of the database, for tests.
        pacer: how fast Telegram lets a bot speak.
        every_s: other intervals of jobs, by name, for tests.

    Raises:
        HotlineError: PICA_LOCAL_CONTACTS names a file that cannot be used.
    """
    pacer = pacer or RateLimiter()
    database = open_database(settings, clock=clock)
    hot_store = round_cache.connect(
        settings.redis_url.get_secret_value() if settings.redis_url else None
    )
    application = telegram(settings)
    metrics, texts, hotlines = Metrics(), Texts(), Hotlines.load(settings.local_contacts)
    safe_mode = SafeMode(database)
    screens = SafeScreener(Screener.load(), on_failure=safe_mode.trip)
    help_lines = HelpLines(texts, hotlines)
    duties = Duties.load()
    duty_notes = LegalNotices(texts, duties)
    side = operators_side(
        settings,
        database,
        texts,
        application.bot,
        pacer,
        Recall(lambda person: gate.admits(person)),  # noqa: PLW0108 - it is made below
    )
    notices, desk = side.notices, side.desk
    leadership = Leadership(database)
    delivery = OutboxRelay(
        database=database,
        bot=application.bot,
        pacer=pacer,
        metrics=metrics,
        chat=side.chat,
        topics=side.topics,
        outcomes=side.outcomes,
        fence=lambda: leadership.fence,
    )
    rounds = RecentRounds(database, hot_store)
    kept_words = SessionCacheEviction(worker)
    key_mirror = KeyBackup(database, settings.backup_dir)
    policy = policy_of(settings, database, screens, notices)

    async def handle(unit: Unit) -> None:
        await dispatch.handle(unit)

    async def refill(person_id: PersonId | None) -> list[Arrival]:
        return await intake.refill(person_id)

    lanes = Lanes(handle, refill=refill, burst_window_s=settings.burst_window_s)
    desk.events.add(PersonNotifier(texts, help_lines))
    desk.events.add(side.case_chat)
    recorder = CaseRecorder(desk, screens.hear)
    crisis = CrisisResponder(
        texts=texts,
        help_lines=help_lines,
        recorder=recorder,
        relay=side.human,
        has_people=notices.has_readers,
    )
    fixed_reply = FixedReply(texts, help_lines, recorder)
    erasure = Erasure(
        texts=texts,
        help_lines=help_lines,
        notices=notices,
    )
    onboarding = Onboarding(
        texts=texts,
        help_lines=help_lines,
        erasure=erasure,
        duties=duty_notes,
        retention_days=settings.retention_days,
        warns_of_demo=worker.is_demo,
    )
    gate = Admission(
        database=database,
        crisis=crisis,
        erasure=erasure,
        texts=texts,
        is_closed=settings.pilot,
        listed=settings.pilot_people | settings.operators,
    )
    quota = Quota(texts, fixed_reply, settings.daily_quota)
    answers = Responder(database=database, texts=texts)
    plans = SafetyPlans(answers, help_lines)
    follow_ups = FollowUps(database=database, answers=answers)
    setup = CheckInHandlers(answers, gate.admits)
    shadow = Shadow(desk, send=ReviewedReplySender(answers))
    console = console_of(settings, side, policy, database, shadow, leadership)
    finisher = TurnCompleter(
        crisis=crisis,
        safe_mode=safe_mode,
        quota=quota,
        resources=ResourceFooter(texts, help_lines),
        duties=duty_notes,
        shadow=shadow,
        texts=texts,
    )
    guard = OutputGuard(screens.present, hotlines)
    replier = Replier(
        database=database,
        rounds=rounds,
        worker=worker,
        bot=application.bot,
        pacer=pacer,
        guard=guard,
        finisher=finisher,
        texts=texts,
        metrics=metrics,
        kept_words=kept_words,
        streaming=settings.streaming,
        persona=settings.persona,
        max_new_tokens=settings.max_new_tokens,
    )
    conversation = TurnHandler(
        database=database,
        context=ContextScreener(screens),
        # In this order they may answer before the model does.
        interceptors=(
            CrisisReply(crisis),
            TakeoverInterceptor(side.human, recorder),
            HoldInterceptor(crisis, fixed_reply, plans),
            QuestionCloser(),
            gate,
            onboarding,
            plans,
            CheckInInterceptor(setup, texts, fixed_reply),
            SafeModeInterceptor(safe_mode, fixed_reply),
            quota,
        ),
        fixed_reply=fixed_reply,
        quota=quota,
        replier=replier,
    )
    check_ins = CheckInJob(
        rounds=CheckInScheduler(
            database=database,
            admits=gate.admits,
        ),
        texts=texts,
    )
    unheard = Unheard(texts=texts, help_lines=help_lines, human=side.human, desk=desk)
    intake = Intake(
        database=database,
        bot=application.bot,
        screens=screens,
        crisis=crisis,
        emergency=FallbackReply(
            bot=application.bot,
            pacer=pacer,
            crisis=crisis,
            metrics=metrics,
            spool=settings.data_dir / SPOOL,
        ),
        lanes=lanes,
        metrics=metrics,
        operators_chat=side.chat,
    )
    dispatch = Dispatch(
        application=application,
        database=database,
        texts=texts,
        notices=notices,
        metrics=metrics,
    )
    _register(
        settings,
        application,
        database,
        answers,
        unheard,
        side,
        onboarding,
        erasure,
        gate,
        conversation,
        plans,
        follow_ups,
        intake,
        CheckInRoutes(
            setup,
            AnswerHandlers(answers, conversation, notices),
            MoodPages(answers, settings.retention_days),
        ),
        ShadowConsent(answers, shadow),
        StopHandler(answers=answers, gate=gate, help_lines=help_lines),
        SafetyPage(
            answers=answers,
            hotlines=hotlines,
            duties=duties,
            lexicon=lambda: screens.version,
            has_people=notices.has_readers,
        ),
        console=console,
    )
    screening, sweep = (
        ScreeningWatch(database, safe_mode, screens, lanes, notices, metrics),
        RetentionSweep(database, notices, settings.retention_days),
    )
    works: list[tuple[str, Work, float]] = [
        ("canary", screening.check_canary, 60.0),
        ("screening", screening.look, 1.0),
        ("lexicon", policy.live.refresh, 60.0),
        ("follow_ups", follow_ups.send_due, 30.0),
        ("check_ins", check_ins.run, 1.0),
        ("escalation", desk.clocks.tick, 2.0),
        ("digest", digest_of(side, settings, database).tell_due, 30.0),
        ("shadow", shadow.let_go_overdue, 2.0),
        ("kept_words", kept_words.forget_old, 60.0),
        ("sweep", sweep.run, 3600.0),
    ]
    _subscribe(
        database.events, metrics, delivery, lanes, rounds, kept_words, key_mirror, unheard, console
    )
    return Parts(
        settings=settings,
        database=database,
        hot=hot_store,
        worker=worker,
        application=application,
        metrics=metrics,
        texts=texts,
        lanes=lanes,
        delivery=delivery,
        intake=intake,
        poller=Poller(
            bot=application.bot,
            receive=intake.receive,
            rescue=intake.rescue,
            metrics=metrics,
            now=database.now,
        ),
        leadership=leadership,
        screening=screening,
        sweep=sweep,
        jobs=table_of(works, every_s or {}),
        check_ins=check_ins,
        safe_mode=safe_mode,
        key_mirror=key_mirror,
        desk=desk,
        takeover=side.takeover,
        shadow=shadow,
        policy=policy,
        console=console,
    )


def _subscribe(
    events: EventBus,
    metrics: Metrics,
    delivery: OutboxRelay,
    lanes: Lanes,
    rounds: RecentRounds,
    kept_words: SessionCacheEviction,
    key_mirror: KeyBackup,
    unheard: Unheard,
    console: Console | None,
) -> None:
    """Say what follows a commit."""
    events.subscribe(MessagesQueued, lambda _: delivery.wake())
    events.subscribe(PersonInterrupted, lanes.cancel)
    events.subscribe(SessionsEnded, kept_words.evict)
    events.subscribe(SessionsEnded, lambda ended: rounds.drop(*ended.session_ids))
    events.subscribe(RoundsChanged, lambda changed: rounds.drop(changed.session_id))
    events.subscribe(PersonErased, key_mirror.schedule)
    events.subscribe(
        CheckInCounted, lambda counted: metrics.check_ins.labels(counted.outcome).inc()
    )
    events.subscribe(AlbumSeen, unheard.remember)
    if console is not None:
        events.subscribe(CaseChanged, console.live.wake)


def _register(
    settings: Settings,
    application: Telegram,
    database: Database,
    answers: Responder,
    unheard: Unheard,
    side: OperatorsRoom,
    onboarding: Onboarding,
    erasure: Erasure,
    gate: Admission,
    conversation: TurnHandler,
    plans: SafetyPlans,
    follow_ups: FollowUps,
    intake: Intake,
    check_ins: CheckInRoutes,
    shadowing: ShadowConsent,
    stopping: StopHandler,
    safety_page: SafetyPage,
    *,
    console: Console | None,
) -> None:
    operators = operators_handlers(side, database, answers.texts)
    commands = Commands(
        database=database,
        answers=answers,
        onboarding=onboarding,
        gate=gate,
        unheard=unheard,
        operators=operators,
        retention_days=settings.retention_days,
    )
    console_link = None
    if console is not None:
        console_link = ConsoleLink(
            database, answers, console.address.sign_in, on_unknown=commands.on_unknown
        )
    register(
        application,
        gate=gate,
        conversation=conversation,
        commands=commands,
        console_link=console_link,
        buttons=ButtonHandlers(
            database=database,
            answers=answers,
            onboarding=onboarding,
            conversation=conversation,
            readmit=intake.readmit,
        ),
        rights=DataRightsHandlers(
            answers=answers,
            onboarding=onboarding,
            erasure=erasure,
            retention_days=settings.retention_days,
        ),
        shadowing=shadowing,
        stopping=stopping,
        safety_page=safety_page,
        plans=plans,
        follow_ups=follow_ups,
        check_ins=check_ins,
        operators=operators,
    )
