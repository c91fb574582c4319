"""Ending a reply at a text that must not show, even if its pieces arrive one by one.

Knows only text: neither tokens nor why the text ends a reply.
"""

from __future__ import annotations

#: The model has begun to write the user's next turn.
NEXT_ROUND = "[Round"


class StopText:
    """Lets text through until ``stop`` appears; holds back what could become its beginning."""

    def __init__(self, stop: str = NEXT_ROUND) -> None:
        self._stop = stop
        self._held = ""
        self.reached = False

    def feed(self, text: str) -> str:
        """Text that may be shown now; nothing more once ``reached``."""
        if self.reached:
            return ""
        self._held += text
        at = self._held.find(self._stop)
        if at >= 0:
            self.reached = True
            shown, self._held = self._held[:at], ""
            return shown
        keep = self._beginning_at_end()
        cut = len(self._held) - keep
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def finish(self) -> str:
        """What was held back and turned out to be ordinary text."""
        shown, self._held = self._held, ""
        return shown

    def _beginning_at_end(self) -> int:
        """Length of the longest beginning of the stop text with which the held text ends."""
        longest = min(len(self._stop) - 1, len(self._held))
        return next(
            (n for n in range(longest, 0, -1) if self._held.endswith(self._stop[:n])),
            0,
        )
