"""Alembic's entry point, which runs on the connection that `Database.upgrade` passes in."""

from alembic import context

from storage.database.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, user_module_prefix=""
)
context.run_migrations()
