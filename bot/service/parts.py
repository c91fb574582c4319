"""What the service is made of, and what it needs from outside: database, Telegram, model."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.checkins.outgoing.job import CheckInJob
from bot.crisis.safe_mode import SafeMode
from bot.delivery.relay import OutboxRelay
from bot.metrics import Metrics
from bot.receiving.intake import Intake
from bot.receiving.lanes import Lanes
from bot.receiving.poller import Poller
from bot.service.connections import (
    Telegram,
)
from bot.service.jobs import Job
from bot.service.key_backup import KeyBackup
from bot.service.leadership import Leadership
from bot.service.retention_sweep import RetentionSweep
from bot.service.screening_watch import ScreeningWatch
from bot.settings import Settings
from bot.texts import Texts
from console.app import Console
from inference import LanguageModel
from review.cases.desk import Desk
from review.cases.shadow_review import Shadow
from review.cases.takeover import Takeover
from review.lexicon.change_control import LexiconChangeControl
from storage import Database
from storage.companion.round_cache import RoundCache


@dataclass(frozen=True, slots=True)
class Parts:
    """Every part that has a life of its own: something to start, run or close."""

    settings: Settings
    database: Database
    hot: RoundCache
    worker: LanguageModel
    application: Telegram
    metrics: Metrics
    texts: Texts
    lanes: Lanes
    delivery: OutboxRelay
    intake: Intake
    poller: Poller
    leadership: Leadership
    screening: ScreeningWatch
    sweep: RetentionSweep
    jobs: Mapping[str, Job]
    check_ins: CheckInJob
    safe_mode: SafeMode
    key_mirror: KeyBackup
    desk: Desk
    takeover: Takeover
    shadow: Shadow
    policy: LexiconChangeControl
    console: Console | None
