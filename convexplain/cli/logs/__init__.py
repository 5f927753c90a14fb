"""Import logs, check what is recognised in them, list the formats."""
