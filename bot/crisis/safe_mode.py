"""Safe mode: only reviewed replies, in every process.

Two switches in SQL turn it on: a manual pause, and a screening canary that was missed.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from storage import Database, Transaction
from storage.database import switches


class Switch(StrEnum):
    """The switches that silence the model."""

    PAUSED = "paused"  # by `pica pause`, until `pica resume`
    CANARY = "canary"  # by the service, until it finds the canary again


@dataclass(frozen=True, slots=True)
class ModelSilenced:
    """The model must be silent, even in replies that it is writing."""


class SafeMode:
    """Reads and turns the switches.

    Attributes:
        is_tripped: whether the screener of this process failed. It counts before SQL has it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.is_tripped = False

    def trip(self) -> None:
        """Silence the model in this process. The watch turns the switch in SQL soon after."""
        self.is_tripped = True

    async def is_on(self, transaction: Transaction) -> bool:
        """Return whether the model must be silent."""
        return self.is_tripped or bool(await switches.every(transaction))

    async def reasons(self) -> dict[str, tuple[str, datetime]]:
        """Return the switches that are on, each with its reason and the time it was turned on."""
        async with self._database.read() as transaction:
            return await switches.every(transaction)

    async def turn_on(self, switch: Switch, reason: str) -> bool:
        """Turn a switch on, and return False if it was already on."""
        async with self._database.begin() as transaction:
            if await switches.value(transaction, switch) is not None:
                return False
            await switches.turn_on(transaction, switch, reason[:256])
            return True

    async def turn_off(self, switch: Switch) -> bool:
        """Turn a switch off, and return False if it was already off."""
        async with self._database.begin() as transaction:
            return await switches.turn_off(transaction, switch)
