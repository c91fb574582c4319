"""The lexicon in use: the shipped one with the live changes, in the order they went live.

Every process that screens messages has one and keeps it up to date.
"""

import asyncio
import gc
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
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
MISSED = "it would miss a canary"
MOST_RECORDS = 200
YIELDS_AFTER_S = 0.0005

# Tells operators the numbers of the live changes that are left out.
Tell = Callable[[Transaction, list[int]], Awaitable[None]]


class ScreenerHolder(Protocol):
    """Hold the screener in use, which all callers ask it for."""

    def replace(self, screener: Screener) -> None:
        """Take another screener into use.

        Raises:
            CanaryError: it misses a canary. The old one stays.
        """

    def current(self) -> Screener:
        """Return the screener in use."""


@dataclass(frozen=True, slots=True)
class Assembled:
    """A screener and the changes it was built from.

    Attributes:
        live: all live changes, in order.
        left_out: the changes that cannot be applied, with their faults.
    """

    screener: Screener
    live: tuple[LexiconChange, ...] = ()
    left_out: dict[int, str] = field(default_factory=dict)

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of all live changes, in order."""
        return tuple(change.change_id for change in self.live)

    @property
    def bodies(self) -> list[str]:
        """The texts of the applied changes, in order."""
        return [change.body for change in self.live if change.change_id not in self.left_out]


def assemble(shipped: Screener, live: Sequence[LexiconChange]) -> Assembled:
    """Build the screener of the shipped lexicon and the live changes, which takes seconds.

    A change is left out if it no longer fits, as after an update, or if it misses a canary. The
    others stay.
    """
    lexicon, left_out = stacked(shipped.lexicon, live)
    if len(left_out) == len(live):
        return Assembled(shipped, tuple(live), left_out)
    screener = shipped.with_lexicon(lexicon)
    if _holds(screener):
        return Assembled(screener, tuple(live), left_out)
    kept: list[LexiconChange] = []
    screener, left_out = shipped, {}
    for change in live:  # find the one that misses the canary: rare, so it may take long
        lexicon, faults = stacked(shipped.lexicon, [*kept, change])
        tried = shipped if faults else shipped.with_lexicon(lexicon)
        if faults or not _holds(tried):
            left_out[change.change_id] = faults.get(change.change_id, MISSED)
            continue
        screener = tried
        kept.append(change)
    return Assembled(screener, tuple(live), left_out)


def stacked(lexicon: Lexicon, live: Sequence[LexiconChange]) -> tuple[Lexicon, dict[int, str]]:
    """Return the lexicon after changes in order, and the faults of those that do not fit."""
    left_out: dict[int, str] = {}
    for change in live:
        try:
            lexicon = apply(parse_change(change.body, lexicon), lexicon)
        except LexiconError as fault:
            left_out[change.change_id] = str(fault)
        except Exception as error:  # the service must start whatever a stored change does
            left_out[change.change_id] = f"the change cannot be parsed ({type(error).__name__})"
    return lexicon, left_out


@contextmanager
def _yielding() -> Iterator[None]:
    """Switch threads sooner, because the model needs the interpreter at every operation."""
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
    """Keep this process's screener in step with the live changes.

    Args:
        database: where changes are stored.
        screens: holds the screener in use, at first that of the shipped lexicon.
        tell: called once for each live change that no longer fits.

    Attributes:
        lock: held by a caller that changes the screener in use.
    """

    def __init__(self, database: Database, screens: ScreenerHolder, *, tell: Tell) -> None:
        self._database = database
        self._screens = screens
        self._tell = tell
        self.shipped = screens.current()
        self.present = Assembled(self.shipped)
        self.lock = asyncio.Lock()

    @property
    def version(self) -> str:
        """The lexicon version that screenings carry now."""
        return self.present.screener.version

    async def refresh(self) -> bool:
        """Follow decisions of other processes, and return whether there were any."""
        async with self.lock:
            return await self.follow()

    async def follow(self) -> bool:
        """Do as `refresh`, for a caller that holds the lock."""
        async with self._database.read() as transaction:
            live = await changes.live(transaction)
        if tuple(change.change_id for change in live) == self.present.numbers:
            return False
        await self.take(await self.assembled(live))
        return True

    async def assembled(self, live: Sequence[LexiconChange]) -> Assembled:
        """Build a screener beside the one in use.

        It runs in a thread, because a screener cannot be sent from another process. The loop
        stops for a quarter of a second or more while one call builds the automaton.
        """
        with _yielding():
            return await asyncio.to_thread(assemble, self.shipped, live)

    async def take(self, assembled: Assembled) -> None:
        """Take a screener into use, from the next message on.

        Raises:
            CanaryError: it misses a canary. The one in use stays.
        """
        if assembled.screener is not self.present.screener:
            self._screens.replace(assembled.screener)
        self.present = assembled
        gc.freeze()  # it lives long, and collecting its garbage would stop all threads
        log.info("lexicon_in_use", version=self.version, left_out=sorted(assembled.left_out))
        await self._tell_once()

    async def _tell_once(self) -> None:
        """Tell operators of left-out changes, once per change and shipped lexicon."""
        if not self.present.left_out:
            return
        shipped = self.shipped.version
        async with self._database.begin() as transaction:
            told = await audit.page(transaction, act=LEFT_OUT, limit=MOST_RECORDS)
            known = {(entry.detail["change"], entry.detail["shipped"]) for entry in told}
            fresh = [n for n in sorted(self.present.left_out) if (n, shipped) not in known]
            for number in fresh:
                await audit.append(
                    transaction, LEFT_OUT, detail={"change": number, "shipped": shipped}
                )
            if fresh:
                await self._tell(transaction, fresh)
