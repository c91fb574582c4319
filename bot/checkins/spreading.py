"""How a crowded minute is spread, so that chats never starve.

Knows nothing of storage or of what is sent. Asking is limited where an occurrence is claimed:
no more than `A_SECOND` in any second, and nobody while `MOST_UNSENT` wait to be sent: they would
only grow late there. Whoever wants 09:00 together with N others waits N / 20 seconds at most. Two
things make that fair and honest:

- Within a minute the order is by `place`, a stable hash of person and minute, not by who signed
  up first. So a person is asked at about the same moment every day.
- Where a minute takes longer than a minute (`is_crowded`), its people are told "around nine".

An occurrence that waits longer than `schedule.LATEST` would be skipped: a single minute would
have to hold 144,000 people.
"""

import zlib
from collections import deque

A_SECOND = 20
PLACES = 1000
# Messages of check-ins that wait to be sent at most, summaries included: two seconds' worth.
MOST_UNSENT = 40
# More people than this in one minute are not all asked within it.
CROWDED = 60 * A_SECOND


def stable_rank(person_id: int, minute: int) -> int:
    """Where in the order of a minute a person stands, 0 to 999; the same every day."""
    return zlib.crc32(f"{person_id}:{minute}".encode()) % PLACES


def is_crowded(count: int) -> bool:
    """Whether people of a minute with so many should be told "around nine"."""
    return count > CROWDED


class SendPace:
    """No more than so many in any second, however the seconds are cut.

    Times are of a clock that never goes back (`time.monotonic`), in seconds.
    """

    def __init__(self, a_second: int = A_SECOND) -> None:
        self._took: deque[float] = deque(maxlen=a_second)

    def wait_s(self, now_s: float) -> float:
        """How long to wait before the next one; 0: not at all."""
        if len(self._took) < (self._took.maxlen or 0):
            return 0.0
        return max(0.0, self._took[0] + 1.0 - now_s)

    def take(self, now_s: float) -> None:
        """Count one."""
        self._took.append(now_s)
