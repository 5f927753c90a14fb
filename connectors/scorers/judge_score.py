"""The judge's score as what is attributed."""

from .kind import ScalarizerKind

JUDGE = ScalarizerKind("judge", "The judge's score of the turn.", make=None)
