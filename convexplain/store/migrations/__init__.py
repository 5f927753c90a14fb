"""Alembic's migrations of the run store, run by `convexplain.store.database`."""
