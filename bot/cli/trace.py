"""The path of each message of a chat, without its text."""

from typing import Any

from storage import Database
from storage.messages import traces


async def trace(database: Database, telegram_id: int) -> list[dict[str, Any]]:
    """Return the hops of every message of a chat, oldest first."""
    async with database.read() as transaction:
        return [
            {
                "update_id": hop.update_id,
                "kind": hop.kind,
                "level": hop.level,
                "received_at": hop.received_at.isoformat(),
                "ended_as": hop.ended_as or "open",
                "reason": hop.reason,
                "attempts": hop.attempts,
                "sent": [
                    {
                        "outbox_id": out.outbox_id,
                        "kind": out.kind,
                        "state": out.state,
                        "reason": out.reason,
                        "parts": out.parts,
                    }
                    for out in hop.sent
                ],
            }
            for hop in await traces.of_chat(transaction, telegram_id)
        ]
