"""The watch over screening, which turns safe mode on while screening does not work."""

import asyncio
from dataclasses import dataclass, field

import structlog

from bot.context import Context
from bot.crisis.safe_mode import ModelSilenced, SafeMode, Switch
from bot.crisis.screening import SafeScreener
from bot.jobs import Job
from bot.operators.announcements import OperatorMessenger

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class ScreeningWatch:
    """Checks the canary, turns safe mode on and off, and notifies operators once.

    Attributes:
        is_canary_found: whether the last check found the canary.
    """

    context: Context
    safe_mode: SafeMode
    screener: SafeScreener
    messenger: OperatorMessenger
    is_canary_found: bool = field(default=False, init=False)
    _was_on: bool = field(default=False, init=False)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The periodic checks."""
        return (Job("canary", self.check_canary, 60.0), Job("screening", self.check_safe_mode, 1.0))

    async def check_canary(self) -> None:
        """Screen the canary, and turn safe mode on if it is missed."""
        is_found = await asyncio.to_thread(self.screener.is_canary_found)
        self.is_canary_found = is_found
        self.context.metrics.canary.set(int(is_found))
        if is_found:
            self.safe_mode.is_tripped = False
            if await self.safe_mode.turn_off(Switch.CANARY):
                log.warning("screening_works_again")
                await self._notify("safe_mode_off")
        elif await self.safe_mode.turn_on(Switch.CANARY, "screening"):
            await self._notify("safe_mode_on")

    async def check_safe_mode(self) -> None:
        """Turn safe mode on in SQL if the screener failed, and interrupt running replies."""
        if self.safe_mode.is_tripped and await self.safe_mode.turn_on(Switch.CANARY, "screening"):
            await self._notify("safe_mode_on")
        is_on = bool(await self.safe_mode.reasons())
        self.context.metrics.safe_mode.set(int(is_on))
        if is_on and not self._was_on:
            await self.context.database.events.publish([ModelSilenced()])
        self._was_on = is_on

    async def _notify(self, key: str) -> None:
        async with self.context.database.begin() as transaction:
            await self.messenger.post_text(transaction, key)
