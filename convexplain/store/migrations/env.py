"""Run by alembic inside `convexplain.store.database._migrate`, on the connection that it hands in."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(connection=connection, render_as_batch=True, version_table="convexplain_schema")
with context.begin_transaction():
    context.run_migrations()
