"""Every SQL statement and every Redis call of the project.

Open a transaction with `Database.begin()` and pass it to the functions of a table group's module
(`inbox`, `people`, `conversations`, `outbox`, `cases`, `leases`, …).
"""

from storage.database import schema_checkins as schema_checkins  # adds its tables to the metadata
from storage.database import schema_contacts as schema_contacts  # adds its tables to the metadata
from storage.database import schema_review as schema_review  # adds its tables to the metadata
from storage.database.clock import Clock, utc_now
from storage.database.connection import Database, StorageError, Transaction
from storage.database.vault import SecretKeyError, Vault, new_secret_key

__all__ = [
    "Clock",
    "Database",
    "SecretKeyError",
    "StorageError",
    "Transaction",
    "Vault",
    "new_secret_key",
    "utc_now",
]
