"""The count, in bounded memory, of invalid sign-in links that each source tried."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

MOST = 10
MOST_OVERALL = 200
WITHIN_S = 600.0
SOURCES = 1000
# The leading bits of an IPv6 address that name its owner. The owner chooses the rest.
IPV6_SITE = 64


class Failures:
    """Count recent failures, by source and overall."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._by_source: OrderedDict[str, deque[float]] = OrderedDict()
        self._overall: deque[float] = deque(maxlen=MOST_OVERALL)

    def __len__(self) -> int:
        """Return how many failures are in memory."""
        return sum(map(len, self._by_source.values())) + len(self._overall)

    def wait_s(self, source: str) -> int:
        """Return how long this source has to wait, or 0 if it may try."""
        return self._left_s(self._by_source.get(source, deque()), MOST)

    def note(self, source: str) -> bool:
        """Count one more failure.

        Returns:
            Whether to record it in the audit trail. After many failures this is False, so that
            strangers cannot fill the trail.
        """
        now, is_recorded = self._clock(), not self._left_s(self._overall, MOST_OVERALL)
        self._by_source.setdefault(source, deque(maxlen=MOST)).append(now)
        self._by_source.move_to_end(source)
        while len(self._by_source) > SOURCES:
            self._by_source.popitem(last=False)
        if is_recorded:
            self._overall.append(now)
        return is_recorded

    def _left_s(self, at: deque[float], most: int) -> int:
        """Return the seconds until the oldest of `most` failures no longer counts."""
        if len(at) < most:
            return 0
        return max(0, math.ceil(at[0] + WITHIN_S - self._clock()))


def source_of(host: str) -> str:
    """Reduce a client's host to an IPv4 address, or to the site of an IPv6 address.

    All hosts that are not addresses share one source, because their senders may choose them.
    """
    try:
        address = ip_address(host)
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return f"{int(address) >> (128 - IPV6_SITE):x}/{IPV6_SITE}"
