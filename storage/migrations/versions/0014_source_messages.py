"""The message of a person that an update is about: its id, topic, album and digest.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    op.add_column("inbox", sa.Column("message_id", sa.BigInteger()))
    op.add_column("inbox", sa.Column("thread_id", sa.BigInteger()))
    op.add_column("inbox", sa.Column("album_id", sa.String(length=64)))
    op.add_column("inbox", sa.Column("digest", sa.LargeBinary()))
