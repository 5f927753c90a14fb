"""Logs: import them into the store, see what is recognised in a file, list the formats."""
