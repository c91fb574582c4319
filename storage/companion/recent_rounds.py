"""The recent rounds of a session, from the round cache or from SQL.

The cache holds rounds sealed with the person's key, so that a copy is unreadable after erasure.
"""

import json

import structlog

from storage.companion import transcripts
from storage.companion.conversations import Turn
from storage.companion.round_cache import RoundCache
from storage.database import keys
from storage.database.connection import Database, Transaction
from storage.database.events import RoundsChanged, SessionsEnded
from storage.ids import PersonId, SessionId

Rounds = list[tuple[str, str]]
SEAL_CONTEXT = "hot.rounds"
MOST_ROUNDS = 60
log = structlog.get_logger(__name__)


class RecentRounds:
    """Load and cache recent rounds."""

    def __init__(self, database: Database, hot: RoundCache) -> None:
        self._database = database
        self._hot = hot

    async def before(self, person_id: PersonId, question: Turn) -> Rounds:
        """Return the rounds before a question.

        If it answers a check-in, the last round is that check-in with an empty question.
        """
        rounds = await self.load(person_id, question.session_id)
        async with self._database.read() as transaction:
            try:
                asked = await transcripts.check_in_before(transaction, person_id, question)
            except keys.KeyDestroyedError:
                return []
        return [*rounds, ("", asked)] if asked else rounds

    async def load(self, person_id: PersonId, session_id: SessionId) -> Rounds:
        """Return a session's recent rounds, oldest first, or none if the person was erased."""
        held = await self._hot.get(session_id)
        async with self._database.read() as transaction:
            try:
                if held is not None:
                    return await _opened(transaction, person_id, held)
            except keys.KeyDestroyedError:
                return []
            except Exception as error:  # unreadable bytes are a cache miss
                log.warning("round_cache_unreadable", error=type(error).__name__)
            return await transcripts.recent_rounds(
                transaction, person_id, session_id, limit=MOST_ROUNDS
            )

    async def keep(self, person_id: PersonId, session_id: SessionId, rounds: Rounds) -> None:
        """Cache the rounds, unless the person was erased meanwhile."""
        text = json.dumps(rounds[-MOST_ROUNDS:], ensure_ascii=False)
        async with self._database.read() as transaction:
            try:
                sealed = await keys.seal(transaction, person_id, text, SEAL_CONTEXT)
            except keys.KeyDestroyedError:
                return
        await self._hot.put(session_id, sealed)

    async def drop(self, *session_ids: SessionId) -> None:
        """Drop sessions from the cache. Call it before SQL changes, so that nothing stale stays."""
        for session_id in session_ids:
            await self._hot.drop(session_id)

    async def on_rounds_changed(self, changed: RoundsChanged) -> None:
        """Drop the session whose rounds changed."""
        await self.drop(changed.session_id)

    async def on_sessions_ended(self, ended: SessionsEnded) -> None:
        """Drop the sessions that ended."""
        await self.drop(*ended.session_ids)


async def _opened(transaction: Transaction, person_id: PersonId, held: bytes) -> Rounds:
    rounds = json.loads(await keys.unseal(transaction, person_id, held, SEAL_CONTEXT))
    return [(question, answer) for question, answer in rounds]
