"""Themes: groups of flagged turns that fail in one way, with what they have in common."""
