"""The judging pipeline: where conversations come from, what a run does with them, and how far it is."""
