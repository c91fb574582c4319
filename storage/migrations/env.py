"""Alembic's entry: runs inside the connection that `Database.upgrade` hands over."""

from alembic import context

from storage.database.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, user_module_prefix=""
)
context.run_migrations()
