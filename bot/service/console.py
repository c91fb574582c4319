"""The operators' console, with the command that signs an operator in."""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from bot.context import Context
from bot.operators.console_link import ConsoleLink
from bot.operators.room import CaseLink, OperatorsRoom
from bot.service.leadership import Leadership
from bot.settings import Settings
from bot.updates.routes import Routes
from console.address import Address
from console.app import Console
from console.site import Site
from review.lexicon.change_control import LexiconChangeControl
from storage.database.events import CaseChanged


@dataclass(frozen=True, slots=True)
class ConsoleRoom:
    """The console, or None if `PICA_CONSOLE` is 0, and its routes in Telegram."""

    console: Console | None
    routes: Routes


def build(
    context: Context,
    operators: OperatorsRoom,
    lexicon: LexiconChangeControl,
    leadership: Leadership,
) -> ConsoleRoom:
    """Build the room."""
    settings = context.settings
    if not settings.console:
        return ConsoleRoom(None, Routes())
    site = Site(
        database=context.database,
        desk=operators.desk,
        takeover=operators.takeover,
        canned=operators.canned,
        hand_over=operators.hand_over,
        shadow=operators.shadow,
        policy=lexicon,
        address=console_address(settings),
        zone=ZoneInfo(settings.operators_timezone),
    )
    console = Console(site, leads=leadership.is_leader)
    context.database.events.subscribe(CaseChanged, console.live.wake)
    link = ConsoleLink(context, console.address.sign_in)
    return ConsoleRoom(console, Routes(commands={"console": link.on_console}))


def console_address(settings: Settings) -> Address:
    """Return the console's address for operators' browsers."""
    return Address(settings.console_address)


def case_link(settings: Settings) -> CaseLink | None:
    """Return the function that makes a case's public URL, or None without a public address."""
    if not settings.console or settings.console_url is None:
        return None
    return console_address(settings).case
