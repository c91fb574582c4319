"""The queue of updates that a bot has not confirmed yet."""

import asyncio
from typing import Any

from sandbox.errors import conflict

Update = dict[str, Any]

MAX_POLL_S = 50
_NOT_BY_DEFAULT = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
_OTHER_POLL = (
    "terminated by other getUpdates request; make sure that only one bot instance is running"
)


class UpdateQueue:
    """Updates in order, with Telegram's rules for offsets.

    An update stays until a call asks for a higher offset. A second long poll ends the first.
    """

    def __init__(self, first_id: int = 700_000_001) -> None:
        self._pending: list[tuple[int, Update]] = []
        self._next_id = first_id
        self._allowed: frozenset[str] | None = None
        self._arrived: asyncio.Event = asyncio.Event()
        self._poll: asyncio.Future[None] | None = None
        self._closed = False

    @property
    def pending(self) -> int:
        """The number of updates that wait for confirmation."""
        return len(self._pending)

    def allow(self, kinds: list[str]) -> None:
        """Set the kinds of update that the bot wants, or the default with an empty list."""
        self._allowed = frozenset(kinds) or None

    @property
    def allowed(self) -> list[str]:
        """The kinds that the bot wants, empty for the default."""
        return sorted(self._allowed or ())

    def put(self, kind: str, payload: dict[str, Any]) -> None:
        """Queue an update, if the bot wants this kind."""
        if self._allowed is None:
            if kind in _NOT_BY_DEFAULT:
                return
        elif kind not in self._allowed:
            return
        self.put_raw({kind: payload})

    def put_raw(self, update: Update) -> None:
        """Queue an update as it is, and give it an id if it has none."""
        given = update.get("update_id")
        if isinstance(given, int) and not isinstance(given, bool):
            self._next_id = max(self._next_id, given + 1)
            self._pending.append((given, update))
        else:
            position = self._next_id
            self._next_id += 1
            raw = update if "update_id" in update else {"update_id": position, **update}
            self._pending.append((position, raw))
        self._arrived.set()

    def confirm(self, offset: int) -> None:
        """Forget all updates below the offset, or before the last `-offset`."""
        if offset < 0:
            self._pending = self._pending[offset:]
        elif offset > 0:
            self._pending = [entry for entry in self._pending if entry[0] >= offset]

    def drop(self, update: Update) -> None:
        """Forget an update that the webhook's receiver accepted."""
        self._pending = [entry for entry in self._pending if entry[1] is not update]

    def clear(self) -> None:
        """Forget every update (`drop_pending_updates`)."""
        self._pending.clear()

    def first(self, limit: int) -> list[Update]:
        """Return the oldest unconfirmed updates."""
        return [update for _, update in self._pending[:limit]]

    async def poll(self, offset: int, limit: int, timeout_s: float) -> list[Update]:
        """Answer one `getUpdates`.

        Raises:
            ApiError: 409. Another poll or a webhook took over.
        """
        self.end_poll(_OTHER_POLL)
        self.confirm(offset)
        if self._pending or timeout_s <= 0 or self._closed:
            return self.first(limit)
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._poll = mine
        try:
            await self._wait(mine, min(timeout_s, MAX_POLL_S))
        finally:
            if self._poll is mine:
                self._poll = None
            mine.cancel()
        return self.first(limit)

    async def _wait(self, poll: asyncio.Future[None], timeout_s: float) -> None:
        self._arrived.clear()
        arrival = asyncio.ensure_future(self._arrived.wait())
        either: set[asyncio.Future[Any]] = {poll, arrival}
        try:
            await asyncio.wait(either, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            arrival.cancel()
        if poll.done():
            poll.result()

    async def wait_any(self, timeout_s: float) -> bool:
        """Wait until an update is pending and return whether one is."""
        if not self._pending:
            self._arrived.clear()
            try:
                async with asyncio.timeout(timeout_s):  # wait_for can swallow a cancellation
                    await self._arrived.wait()
            except TimeoutError:
                return False
        return bool(self._pending)

    def end_poll(self, words: str | None) -> None:
        """End the waiting poll with 409 and these words, or with the pending updates."""
        poll, self._poll = self._poll, None
        if poll is None or poll.done():
            return
        if words is None:
            poll.set_result(None)
        else:
            poll.set_exception(conflict(words))

    def close(self) -> None:
        """End every wait."""
        self._closed = True
        self.end_poll(None)
        self._arrived.set()
