"""What fills the holes of a text, and how a user names it."""

from .causal import CausalInfiller

__all__ = ["CausalInfiller"]
