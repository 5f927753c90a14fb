"""All that touches the outside: log readers and model endpoints."""
