"""The searches, for people who bring their own model: functions in, a result out; the `a…` twins take coroutines."""

from .functions import SEARCHES, Options, Result, acell, acell_budget, aguided, cell, cell_budget, guided, make_search

__all__ = [
    "SEARCHES",
    "Options",
    "Result",
    "acell",
    "acell_budget",
    "aguided",
    "cell",
    "cell_budget",
    "guided",
    "make_search",
]
