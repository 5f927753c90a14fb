"""Rubrics: list the maxims, show what one asks, check a file of your own."""
