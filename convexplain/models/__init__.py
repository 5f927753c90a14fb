"""The protocols of chat models and infillers, their requests and replies, and how calls to them are made."""
