"""Ending a reply at a text that must not show, even if its pieces arrive one by one."""

# The model has begun to write the user's next turn.
NEXT_ROUND = "[Round"


class StopText:
    """Passes text through until `stop` appears, and holds back what could become its beginning."""

    def __init__(self, stop: str = NEXT_ROUND) -> None:
        self._stop = stop
        self._held = ""
        self.reached = False

    def feed(self, text: str) -> str:
        """Return text that may be shown now; nothing more once `reached`."""
        if self.reached:
            return ""
        self._held += text
        at = self._held.find(self._stop)
        if at >= 0:
            self.reached = True
            shown, self._held = self._held[:at], ""
            return shown
        cut = len(self._held) - self._beginning_at_end()
        shown, self._held = self._held[:cut], self._held[cut:]
        return shown

    def finish(self) -> str:
        """Return what was held back and turned out to be ordinary text."""
        shown, self._held = self._held, ""
        return shown

    def _beginning_at_end(self) -> int:
        """Return the length of the longest start of the stop text that ends the held text."""
        longest = min(len(self._stop) - 1, len(self._held))
        return next((n for n in range(longest, 0, -1) if self._held.endswith(self._stop[:n])), 0)
