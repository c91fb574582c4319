"""The parts of a running service: its environment, its rooms and its jobs."""

from collections.abc import Mapping
from dataclasses import dataclass

from bot.checkins.outgoing.job import CheckInJob
from bot.checkins.room import CheckInsRoom
from bot.context import Context, Telegram
from bot.conversation.room import ConversationRoom
from bot.crisis.room import CrisisRoom
from bot.crisis.safe_mode import SafeMode
from bot.crisis.screening_watch import ScreeningWatch
from bot.delivery.relay import OutboxRelay
from bot.jobs import Job
from bot.metrics import Metrics
from bot.operators.room import OperatorsRoom
from bot.receiving.intake import Intake
from bot.receiving.lanes import Lanes
from bot.receiving.poller import Poller
from bot.receiving.room import ReceivingRoom
from bot.service.console import ConsoleRoom
from bot.service.key_backup import KeyBackup
from bot.service.leadership import Leadership
from bot.service.retention_sweep import RetentionSweep
from bot.service.upkeep import UpkeepRoom
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
class Rooms:
    """The rooms that hold something to start, run or close."""

    operators: OperatorsRoom
    crisis: CrisisRoom
    check_ins: CheckInsRoom
    conversation: ConversationRoom
    receiving: ReceivingRoom
    delivery: OutboxRelay
    console: ConsoleRoom
    upkeep: UpkeepRoom


@dataclass(frozen=True, slots=True)
class Parts:
    """A service that is put together."""

    context: Context
    worker: LanguageModel
    leadership: Leadership
    rooms: Rooms
    jobs: Mapping[str, Job]

    @property
    def settings(self) -> Settings:
        """The settings of the service."""
        return self.context.settings

    @property
    def database(self) -> Database:
        """The database."""
        return self.context.database

    @property
    def application(self) -> Telegram:
        """The application of python-telegram-bot."""
        return self.context.application

    @property
    def metrics(self) -> Metrics:
        """The metrics."""
        return self.context.metrics

    @property
    def texts(self) -> Texts:
        """The texts that people and operators read."""
        return self.context.texts

    @property
    def hot(self) -> RoundCache:
        """The cache of recent rounds."""
        return self.rooms.conversation.cache

    @property
    def lanes(self) -> Lanes:
        """The lanes of people."""
        return self.rooms.receiving.lanes

    @property
    def intake(self) -> Intake:
        """The entrance of updates."""
        return self.rooms.receiving.intake

    @property
    def poller(self) -> Poller:
        """The poll loop."""
        return self.rooms.receiving.poller

    @property
    def delivery(self) -> OutboxRelay:
        """The relay of messages to Telegram."""
        return self.rooms.delivery

    @property
    def check_ins(self) -> CheckInJob:
        """The job that asks what is due."""
        return self.rooms.check_ins.job

    @property
    def safe_mode(self) -> SafeMode:
        """The switches that silence the model."""
        return self.rooms.crisis.safe_mode

    @property
    def screening(self) -> ScreeningWatch:
        """The watch over the screener."""
        return self.rooms.crisis.screening

    @property
    def policy(self) -> LexiconChangeControl:
        """The acts of operators on the lexicon."""
        return self.rooms.crisis.lexicon

    @property
    def desk(self) -> Desk:
        """The acts of operators on cases."""
        return self.rooms.operators.desk

    @property
    def takeover(self) -> Takeover:
        """The acts of operators in a conversation."""
        return self.rooms.operators.takeover

    @property
    def shadow(self) -> Shadow:
        """The replies that operators read first."""
        return self.rooms.operators.shadow

    @property
    def console(self) -> Console | None:
        """The console, unless it is off."""
        return self.rooms.console.console

    @property
    def sweep(self) -> RetentionSweep:
        """The sweep of what is past its time."""
        return self.rooms.upkeep.sweep

    @property
    def key_backup(self) -> KeyBackup:
        """The backup of the data keys."""
        return self.rooms.upkeep.key_backup
