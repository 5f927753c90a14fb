"""The run store: everything that a run reads, asks and finds, in one database."""

from .store import Run, RunStore
from .summary import JudgedTurn, MaximSummary, Summary, score_histogram, summarise

__all__ = ["JudgedTurn", "MaximSummary", "Run", "RunStore", "Summary", "score_histogram", "summarise"]
