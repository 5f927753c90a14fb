"""Connectors to everything outside: log readers, model endpoints, infillers, scorers, training data, hooks."""
