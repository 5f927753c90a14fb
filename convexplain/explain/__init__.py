"""Explanations of scores: contrasts, attributions, scalarizers, and preference pairs from contrasts."""
