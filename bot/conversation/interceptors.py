"""Interceptors: components that may answer a person before the model does.

The composition root lists them. Their order says who answers what, and in which state.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

import structlog

from bot.updates.utterance import Utterance
from storage import Transaction
from storage.companion.people import Person

log = structlog.get_logger(__name__)
# Keeps what a button says. Returns False if nothing follows, and then ends the inbox row.
OnAccepted = Callable[[Transaction, Person], Awaitable[bool]]


class Interceptor(Protocol):
    """Answers some utterances and lets the others pass."""

    async def intercept(self, transaction: Transaction, utterance: Utterance) -> bool:
        """Answer the utterance and end its inbox rows, or return False."""


async def is_intercepted(
    chain: Sequence[Interceptor], transaction: Transaction, utterance: Utterance
) -> bool:
    """Offer an utterance to each interceptor in turn. Returns whether one answered it."""
    for interceptor in chain:
        if await interceptor.intercept(transaction, utterance):
            log.debug("intercepted", by=type(interceptor).__name__)
            return True
    return False
