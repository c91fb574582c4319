"""The watch over screening: a canary, and safe mode while screening cannot be trusted."""

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
    """Turns safe mode on and off, and tells operators once.

    Attributes:
        canary_is_found: whether the last look found the canary.
    """

    context: Context
    safe_mode: SafeMode
    screens: SafeScreener
    notices: OperatorMessenger
    canary_is_found: bool = field(default=False, init=False)
    _was_on: bool = field(default=False, init=False)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """The periodic looks."""
        return (Job("canary", self.check_canary, 60.0), Job("screening", self.look, 1.0))

    async def check_canary(self) -> None:
        """Screen the canary. A miss turns safe mode on and raises one alarm."""
        is_found = await asyncio.to_thread(self.screens.canary_is_found)
        self.canary_is_found = is_found
        self.context.metrics.canary.set(int(is_found))
        if is_found:
            self.safe_mode.tripped = False
            if await self.safe_mode.turn_off(Switch.CANARY):
                log.warning("screening_works_again")
                await self._tell("safe_mode_off")
        elif await self.safe_mode.turn_on(Switch.CANARY, "screening"):
            await self._tell("safe_mode_on")

    async def look(self) -> None:
        """Silence the model everywhere if the screener failed, and say so once."""
        if self.safe_mode.tripped and await self.safe_mode.turn_on(Switch.CANARY, "screening"):
            await self._tell("safe_mode_on")
        is_on = bool(await self.safe_mode.reasons())
        self.context.metrics.safe_mode.set(int(is_on))
        if is_on and not self._was_on:
            await self.context.database.events.publish([ModelSilenced()])
        self._was_on = is_on

    async def _tell(self, key: str) -> None:
        async with self.context.database.begin() as transaction:
            await self.notices.put(transaction, key)
