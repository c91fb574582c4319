"""The lexicon in use: what ships, with the changes that are live, in the order they went live.

Every process that screens people's messages has one and keeps it up to date.
"""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog

from safety.changes.change import apply, parse_change
from safety.screening import canary
from safety.screening.canary import CanaryError
from safety.screening.lexicon import Lexicon, LexiconError
from safety.screening.screener import Screener
from storage import Database, Transaction
from storage.review import audit
from storage.review import lexicon_changes as changes
from storage.review.lexicon_changes import LexiconChange

log = structlog.get_logger(__name__)
LEFT_OUT = "lexicon_left_out"
MISSED = "with it a canary is missed"
MOST_RECORDS = 200
YIELDS_AFTER_S = 0.0005

# Tells operators which live changes are left out, by their numbers.
Tell = Callable[[Transaction, list[int]], Awaitable[None]]


class ScreenerHolder(Protocol):
    """What screens people's messages, and everybody asks for the screener in use."""

    def replace(self, screener: Screener) -> None:
        """Take another screener into use.

        Raises:
            CanaryError: it misses a canary; nothing has changed.
        """

    def present(self) -> Screener:
        """The screener in use."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """A screener, and what it was made of.

    Attributes:
        live: every live change, in its order.
        left_out: number and fault of those that cannot be applied; the others are.
    """

    screener: Screener
    live: tuple[LexiconChange, ...] = ()
    left_out: dict[int, str] = field(default_factory=dict)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of all live changes, in their order."""
        return tuple(each.change_id for each in self.live)

    @property
    def bodies(self) -> list[str]:
        """The texts of those that are applied, in their order."""
        return [each.body for each in self.live if each.change_id not in self.left_out]


def assemble(shipped: Screener, live: Sequence[LexiconChange]) -> Assembled:
    """Build the screener of the lexicon that ships and live changes; takes seconds.

    A change that does not fit any more, as after an update, is left out and the others stay. So
    is one with which a canary is missed.
    """
    lexicon, left_out = stacked(shipped.lexicon, live)
    if len(left_out) == len(live):
        return Assembled(shipped, tuple(live), left_out)
    screener = shipped.with_lexicon(lexicon)
    if _holds(screener):
        return Assembled(screener, tuple(live), left_out)
    kept: list[LexiconChange] = []
    screener, left_out = shipped, {}
    for each in live:  # one of them is to blame: rare, so it may take long
        lexicon, faults = stacked(shipped.lexicon, [*kept, each])
        tried = shipped if faults else shipped.with_lexicon(lexicon)
        if faults or not _holds(tried):
            left_out[each.change_id] = faults.get(each.change_id, MISSED)
            continue
        screener = tried
        kept.append(each)
    return Assembled(screener, tuple(live), left_out)


def stacked(lexicon: Lexicon, live: Sequence[LexiconChange]) -> tuple[Lexicon, dict[int, str]]:
    """Apply changes in their order; give the lexicon, and the faults of those that do not fit."""
    left_out: dict[int, str] = {}
    for each in live:
        try:
            lexicon = apply(parse_change(each.body, lexicon), lexicon)
        except LexiconError as fault:
            left_out[each.change_id] = str(fault)
        except Exception as error:  # whatever it is, the service must start without it
            left_out[each.change_id] = f"it cannot be read ({type(error).__name__})"
    return lexicon, left_out


@contextmanager
def _yielding() -> Iterator[None]:
    """Let other threads have the interpreter sooner: the model asks for it at every operation."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(YIELDS_AFTER_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def _holds(screener: Screener) -> bool:
    try:
        canary.require(screener)
    except CanaryError:
        return False
    return True


class LiveLexicon:
    """Keeps the screener of this process that of the live changes.

    Args:
        database: where changes are.
        screens: where the screener is in use; it has that of the lexicon that ships.
        tell: called once for each live change that no longer fits.
        now: the clock of the service.

    Attributes:
        lock: held by whoever changes what is in use.
    """

    def __init__(
        self,
        database: Database,
        screens: ScreenerHolder,
        *,
        tell: Tell,
        now: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._screens = screens
        self._tell = tell
        self._now = now
        self.shipped = screens.present()
        self.present = Assembled(self.shipped)
        self.lock = asyncio.Lock()

    @property
    def version(self) -> str:
        """What screenings bear now."""
        return self.present.screener.version

    async def refresh(self) -> bool:
        """Take up what was decided elsewhere; whether anything was."""
        async with self.lock:
            return await self.follow()

    async def follow(self) -> bool:
        """As `refresh`, for whoever holds the lock."""
        async with self._database.read() as transaction:
            live = await changes.live(transaction)
        if tuple(each.change_id for each in live) == self.present.numbers:
            return False
        await self.take(await self.assembled(live))
        return True

    async def assembled(self, live: Sequence[LexiconChange]) -> Assembled:
        """Build a screener beside the one in use.

        In a thread, because a screener cannot be brought over from another process. The loop
        stands still for a quarter of a second and more, when one call builds the automaton.
        """
        with _yielding():
            return await asyncio.to_thread(assemble, self.shipped, live)

    async def take(self, assembled: Assembled) -> None:
        """Take a screener into use, from the next message on.

        Raises:
            CanaryError: not even what ships finds every canary; the one in use stays.
        """
        if assembled.screener is not self.present.screener:
            self._screens.replace(assembled.screener)
        self.present = assembled
        gc.freeze()  # it lives long: to look through it for garbage would stop everybody
        log.info("lexicon_in_use", version=self.version, left_out=sorted(assembled.left_out))
        await self._tell_once()

    async def _tell_once(self) -> None:
        """Tell of what is left out, once for a change and a lexicon that ships."""
        if not self.present.left_out:
            return
        shipped = self.shipped.version
        async with self._database.begin() as transaction:
            told = await audit.page(transaction, act=LEFT_OUT, limit=MOST_RECORDS)
            known = {(each.detail["change"], each.detail["shipped"]) for each in told}
            fresh = [n for n in sorted(self.present.left_out) if (n, shipped) not in known]
            for number in fresh:
                await audit.append(
                    transaction,
                    LEFT_OUT,
                    now=self._now(),
                    detail={"change": number, "shipped": shipped},
                )
            if fresh:
                await self._tell(transaction, fresh)
