"""The table of trusted contacts: people whom another person chose to be told in a crisis.

The names are what the person wrote, sealed with the person's key.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, LargeBinary, String, Table

from storage.database.schema import Key, UtcDateTime, flag, metadata, of_person

trusted_contacts = Table(
    "trusted_contacts",
    metadata,
    Column("contact_id", Key, primary_key=True),
    of_person(),  # whose contact it is
    # Who opened the link. The erasure of either side deletes the row.
    Column("contact_person_id", Key, ForeignKey("people.person_id", ondelete="CASCADE")),
    Column("state", String(16), nullable=False),  # draft | invited | opened | agreed
    Column("asks", String(16)),  # the name that the next message gives; null: none
    Column("called", LargeBinary),  # how the person calls the contact; sealed
    Column("shown_name", LargeBinary),  # the person's name that the contact reads; sealed
    Column("token_hash", String(64)),  # of the link; null once the contact agreed
    flag("is_automatic"),  # told without a tap at level 4
    Column("changed_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),  # of a row that nobody agreed to
    Column("agreed_at", UtcDateTime),
    Column("telling_at", UtcDateTime),  # of the last message, unless it failed
    Column("told_at", UtcDateTime),  # when one was last delivered
    Column("outbox_id", BigInteger),  # the last message
    Column("unreachable_at", UtcDateTime),  # when the person was last told of a block
    Index("ix_trusted_contacts_person_id", "person_id", unique=True),
    Index("ix_trusted_contacts_contact_person_id", "contact_person_id"),
    Index("ix_trusted_contacts_token_hash", "token_hash", unique=True),
    Index("ix_trusted_contacts_outbox_id", "outbox_id"),
    Index("ix_trusted_contacts_expires_at", "expires_at"),
    sqlite_autoincrement=True,
)
