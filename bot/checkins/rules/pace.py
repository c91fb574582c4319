"""The pace of a crowded minute, so that chats never starve.

No more than `A_SECOND` check-ins are claimed in any second, and none while `MOST_UNSENT` wait to
be sent. A person who shares 09:00 with N others waits N / 20 seconds at most.

- Within a minute `stable_rank` gives the order, so a person is asked at about the same moment
  every day.
- If a minute takes longer than a minute (`is_crowded`), its people are told "around nine".

An occurrence that waits longer than `schedule.LATEST` is skipped. A single minute would have to
hold 144,000 people for that.
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
    """Return a person's place in the order of a minute, 0 to 999, the same every day."""
    return zlib.crc32(f"{person_id}:{minute}".encode()) % PLACES


def is_crowded(count: int) -> bool:
    """Return whether a minute has so many people that they should be told "around nine"."""
    return count > CROWDED


class SendPace:
    """Allow at most `a_second` check-ins within any second.

    Times are of a clock that never goes back (`time.monotonic`), in seconds.
    """

    def __init__(self, a_second: int = A_SECOND) -> None:
        self._took: deque[float] = deque(maxlen=a_second)

    def wait_s(self, now_s: float) -> float:
        """Return how long to wait before the next one, in seconds."""
        if len(self._took) < (self._took.maxlen or 0):
            return 0.0
        return max(0.0, self._took[0] + 1.0 - now_s)

    def take(self, now_s: float) -> None:
        """Count one."""
        self._took.append(now_s)
