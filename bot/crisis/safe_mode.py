"""Safe mode: reviewed replies only, everywhere at once.

Two switches turn it on: an operator's pause, and a screening canary that missed. They live in SQL,
so every process obeys them within the next message.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from storage import Database, Transaction
from storage.database import switches


class Switch(StrEnum):
    """Why the model is silent."""

    PAUSED = "paused"  # by a person, until a person resumes
    CANARY = "canary"  # by the service, until the canary is found again


@dataclass(frozen=True, slots=True)
class ModelSilenced:
    """The model must be silent from now on, also in the replies that it is writing."""


class SafeMode:
    """Reads and turns the switches.

    Attributes:
        tripped: the screener of this process failed; counts at once, before SQL knows.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.tripped = False

    def trip(self) -> None:
        """Silence the model in this process now; the switch follows soon."""
        self.tripped = True

    async def is_on(self, transaction: Transaction) -> bool:
        """Whether the model must be silent now."""
        return self.tripped or bool(await switches.every(transaction))

    async def reasons(self) -> dict[str, tuple[str, datetime]]:
        """Every switch that is on: what was said of it and since when."""
        async with self._database.read() as transaction:
            return await switches.every(transaction)

    async def turn_on(self, switch: Switch, why: str) -> bool:
        """Turn a switch on; False where it was on already."""
        async with self._database.begin() as transaction:
            if await switches.value(transaction, switch) is not None:
                return False
            await switches.turn_on(transaction, switch, why[:256])
            return True

    async def turn_off(self, switch: Switch) -> bool:
        """Turn a switch off; False where it was off."""
        async with self._database.begin() as transaction:
            return await switches.turn_off(transaction, switch)
