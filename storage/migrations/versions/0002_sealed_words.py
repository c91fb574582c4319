"""Words are sealed with a key per person; retention, rights, pilot, switches"""

import json
from collections.abc import Callable
from secrets import token_bytes
from typing import Any

import sqlalchemy as sa
from alembic import context, op

from storage.database.schema import UtcDateTime
from storage.database.vault import KEY_BYTES, Vault, seal

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

PAGE = 500
KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
OPEN = sa.text("state IN ('queued', 'sending')")


def upgrade() -> None:
    _create_tables()
    _add_columns()
    keys = _Keys(op.get_bind(), context.config.attributes["vault"])
    _seal("turns", "turn_id", "text", "words", keys, "turns.words")
    _seal("inbox", "update_id", "payload", "sealed", keys, "inbox.payload")
    _seal("outbox", "outbox_id", "body", "sealed", keys, "outbox.body", convert=_new_body)
    op.drop_column("turns", "text")
    for table, column in (("inbox", "payload"), ("outbox", "body")):
        op.drop_column(table, column)
        op.execute(f"ALTER TABLE {table} RENAME COLUMN sealed TO {column}")


def _create_tables() -> None:
    op.create_table(
        "data_keys",
        sa.Column("owner", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("master", sa.String(16), nullable=False),
        sa.Column("created_at", UtcDateTime(timezone=True), nullable=False),
        sa.Index("ix_data_keys_master", "master"),
    )
    op.create_table(
        "switches",
        sa.Column("name", sa.String(32), primary_key=True),
        sa.Column("value", sa.String(256), nullable=False),
        sa.Column("changed_at", UtcDateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "invites",
        sa.Column("code_hash", sa.String(64), primary_key=True),
        sa.Column("uses_left", sa.Integer(), nullable=False),
        sa.Column("expires_at", UtcDateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "daily_usage",
        sa.Column(
            "person_id",
            KEY,
            sa.ForeignKey("people.person_id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("replies", sa.Integer(), nullable=False),
        sa.Index("ix_daily_usage_day", "day"),
    )
    op.create_table(
        "erasures",
        sa.Column("receipt", sa.String(32), primary_key=True),
        sa.Column("erased_at", UtcDateTime(timezone=True), nullable=False),
        sa.Column("turns", sa.Integer(), nullable=False),
    )


def _add_columns() -> None:
    for column in ("training_consent_at", "off_record_until_at", "admitted_at"):
        op.add_column("people", sa.Column(column, UtcDateTime(timezone=True)))
    op.add_column("turns", sa.Column("words", sa.LargeBinary()))
    op.add_column(
        "turns", sa.Column("off_record", sa.SmallInteger(), nullable=False, server_default="0")
    )
    op.add_column("turns", sa.Column("preview_message_id", sa.BigInteger()))
    op.add_column("inbox", sa.Column("sealed", sa.LargeBinary()))
    op.add_column("outbox", sa.Column("sealed", sa.LargeBinary()))
    op.add_column(
        "outbox", sa.Column("audience", sa.String(16), nullable=False, server_default="person")
    )
    op.add_column("cases", sa.Column("erased_at", UtcDateTime(timezone=True)))
    op.execute("UPDATE outbox SET audience = 'operators' WHERE kind = 'case'")
    op.execute(
        "UPDATE outbox SET audience = 'farewell' WHERE person_id IS NULL AND kind = 'notice'"
    )
    op.create_index("ix_cases_resolved_at", "cases", ["resolved_at"])
    off_record = sa.text("off_record = 1")
    op.create_index(
        "ix_turns_off_record",
        "turns",
        ["person_id"],
        sqlite_where=off_record,
        postgresql_where=off_record,
    )
    op.create_index(
        "ix_outbox_open_chat",
        "outbox",
        ["audience", "person_id", "priority", "outbox_id"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )


class _Keys:
    """Data keys by owner, made and stored at first use."""

    def __init__(self, connection: sa.Connection, vault: Vault) -> None:
        self._connection = connection
        self._vault = vault
        self._keys: dict[int, bytes] = {}
        owners = [0, *connection.execute(sa.text("SELECT person_id FROM people")).scalars()]
        for owner in owners:
            self._create(owner)

    def of(self, owner: int | None) -> bytes:
        return self._keys[owner or 0]

    def _create(self, owner: int) -> None:
        key = self._keys[owner] = token_bytes(KEY_BYTES)
        self._connection.execute(
            sa.text(
                "INSERT INTO data_keys (owner, wrapped, master, created_at) "
                "VALUES (:owner, :wrapped, :master, CURRENT_TIMESTAMP)"
            ),
            {"owner": owner, "wrapped": self._vault.wrap(key, owner), "master": self._vault.master},
        )


def _seal(
    table: str,
    key: str,
    source: str,
    target: str,
    keys: _Keys,
    place: str,
    convert: Callable[[Any], str] = str,
) -> None:
    """Seal a column of clear words, a page at a time."""
    connection = op.get_bind()
    last = -1
    while True:
        rows = connection.execute(
            sa.text(
                f"SELECT {key}, person_id, {source} FROM {table} "  # noqa: S608 - names from above
                f"WHERE {key} > :last AND {source} IS NOT NULL ORDER BY {key} LIMIT {PAGE}"
            ),
            {"last": last},
        ).all()
        if not rows:
            return
        connection.execute(
            sa.text(f"UPDATE {table} SET {target} = :sealed WHERE {key} = :id"),  # noqa: S608
            [
                {
                    "id": row_id,
                    "sealed": seal(
                        keys.of(owner), convert(words).encode(), f"{place}:{owner or 0}"
                    ),
                }
                for row_id, owner, words in rows
            ],
        )
        last = rows[-1][0]


def _new_body(stored: Any) -> str:
    """The body of a message as version 0001 wrote it, in the form of 0002."""
    body = stored if isinstance(stored, dict) else json.loads(stored)
    return json.dumps(
        {
            "text": body["text"],
            "buttons": body["buttons"],
            "document": None,
            "to_telegram_id": body["to"],
        },
        ensure_ascii=False,
    )
