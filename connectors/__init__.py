"""Connectors to everything outside: log readers, model endpoints, editors, infillers, scorers, training data, hooks."""
