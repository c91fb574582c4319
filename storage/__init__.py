"""Every SQL statement and every Redis call of the project.

A caller opens a transaction with `Database.begin()` and passes it to the functions of one module
per table group (`inbox`, `people`, `conversations`, `outbox`, `cases`, `leases`, …).
"""

from storage.database import schema_checkins as schema_checkins  # its tables join the metadata
from storage.database import schema_review as schema_review  # its tables join the metadata
from storage.database.connection import Database, StorageError, Transaction
from storage.database.vault import SecretKeyError, Vault, new_secret_key

__all__ = ["Database", "SecretKeyError", "StorageError", "Transaction", "Vault", "new_secret_key"]
