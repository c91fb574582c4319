"""A listener that writes down what happens to cases."""

from typing import Any


class Ear:
    """Hears events as `what:words`."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def on_event(self, _transaction: Any, event: Any) -> None:
        self.heard.append(f"{event.what}:{event.words}")
