"""The path of each message of a chat, without its text."""

from dataclasses import asdict
from typing import Any

from storage import Database
from storage.messages import traces


async def trace(database: Database, telegram_id: int) -> list[dict[str, Any]]:
    """Return the hops of every message of a chat, oldest first, as plain values."""
    async with database.read() as transaction:
        hops = await traces.of_chat(transaction, telegram_id)
    return [
        {
            **asdict(hop),
            "received_at": hop.received_at.isoformat(),
            "ended_as": hop.ended_as or "open",
        }
        for hop in hops
    ]
