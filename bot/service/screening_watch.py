"""The watch over screening: a canary, and safe mode while screening cannot be trusted."""

import asyncio
from dataclasses import dataclass

import structlog

from bot.crisis.safe_mode import SafeMode, Switch
from bot.crisis.screening import SafeScreener
from bot.metrics import Metrics
from bot.operators.announcements import OperatorMessenger
from bot.receiving.lanes import Lanes
from storage import Database

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ScreeningWatch:
    """Turns safe mode on and off, and tells operators once.

    Attributes:
        canary_is_found: whether the last look found the canary.
    """

    database: Database
    safe_mode: SafeMode
    screens: SafeScreener
    lanes: Lanes
    notices: OperatorMessenger
    metrics: Metrics
    canary_is_found: bool = False
    _was_on: bool = False

    async def check_canary(self) -> None:
        """Screen the canary. A miss turns safe mode on and raises one alarm."""
        is_found = await asyncio.to_thread(self.screens.canary_is_found)
        self.canary_is_found = is_found
        self.metrics.canary.set(int(is_found))
        if is_found:
            self.safe_mode.tripped = False
            if await self.safe_mode.turn_off(Switch.CANARY):
                log.warning("screening_works_again")
                await self._tell("safe_mode_off")
        elif await self.safe_mode.turn_on(Switch.CANARY, "screening"):
            await self._tell("safe_mode_on")

    async def look(self) -> None:
        """Silence the model everywhere if the screener failed, and cut running replies short."""
        if self.safe_mode.tripped and await self.safe_mode.turn_on(Switch.CANARY, "screening"):
            await self._tell("safe_mode_on")
        is_on = bool(await self.safe_mode.reasons())
        self.metrics.safe_mode.set(int(is_on))
        if is_on and not self._was_on:
            self.lanes.cancel_all()
        self._was_on = is_on

    async def _tell(self, key: str) -> None:
        async with self.database.begin() as transaction:
            await self.notices.put(transaction, key)
