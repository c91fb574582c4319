"""Interceptors: components that may answer an utterance before the model does.

The composition root lists them, and their order decides who answers.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from bot.updates.utterance import Utterance
from storage import Transaction
from storage.companion.people import Person

log = structlog.get_logger(__name__)
# Stores what a button says. Returns False if it has ended the inbox row and nothing follows.
OnAccepted = Callable[[Transaction, Person], Awaitable[bool]]


class Interceptor(Protocol):
    """Answers some utterances and lets the others pass."""

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Answer the utterance and end its inbox rows, or return False."""


async def is_intercepted(
    chain: Sequence[Interceptor], transaction: Transaction, utterance: Utterance
) -> bool:
    """Offer an utterance to the interceptors in order, and return whether one answered it."""
    for interceptor in chain:
        if await interceptor.intercept(transaction, utterance):
            log.debug("intercepted", by=type(interceptor).__name__)
            return True
    return False
