"""The reset of a silence by anything that a person sends.

The intake calls it when it stores updates, so that messages at risk or for an operator count too.
"""

from bot.checkins.settings import service
from storage import Transaction
from storage.checkins import settings as check_in_settings
from storage.ids import PersonId


async def reset_silence(transaction: Transaction, person_id: PersonId) -> None:
    """Reset the backoff if a silence had slowed check-ins down."""
    settings = await check_in_settings.get(transaction, person_id)
    if settings is not None and (settings.unanswered or settings.asked_on is not None):
        await service.heard_from(transaction, person_id)
