"""How often somebody may try to sign in with a link that does not hold.

In memory, and bounded. Knows nothing of links.
"""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable

MOST = 10
MOST_OVERALL = 200
WITHIN_S = 600.0
ADDRESSES = 1000


class Failures:
    """Failures of the last while: by client address, and of everybody together."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_address: OrderedDict[str, deque[float]] = OrderedDict()
        self._overall: deque[float] = deque(maxlen=MOST_OVERALL)

    def wait_s(self, address: str) -> int:
        """How long this address has to wait; 0: it may try."""
        mine = self._by_address.get(address, deque())
        return max(self._left_s(mine, MOST), self._left_s(self._overall, MOST_OVERALL))

    def note(self, address: str) -> None:
        """One more failure; of very many addresses those seen last are remembered."""
        now = self._clock()
        self._by_address.setdefault(address, deque(maxlen=MOST)).append(now)
        self._by_address.move_to_end(address)
        while len(self._by_address) > ADDRESSES:
            self._by_address.popitem(last=False)
        self._overall.append(now)

    def _left_s(self, at: deque[float], most: int) -> int:
        """Until the oldest of `most` failures is long enough ago."""
        if len(at) < most:
            return 0
        return max(0, math.ceil(at[0] + WITHIN_S - self._clock()))
