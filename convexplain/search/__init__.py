"""The searches, for people who bring their own model: functions in, a result out; the `a…` twins take coroutines."""

from .attributing import METHODS, Attributed, aclime, ajoint, aloo, alshap, clime, joint, loo, lshap, make_method
from .functions import SEARCHES, Options, Result, acell, acell_budget, aguided, cell, cell_budget, guided, make_search

__all__ = [
    "METHODS",
    "SEARCHES",
    "Attributed",
    "Options",
    "Result",
    "acell",
    "acell_budget",
    "aclime",
    "aguided",
    "ajoint",
    "aloo",
    "alshap",
    "cell",
    "cell_budget",
    "clime",
    "guided",
    "joint",
    "loo",
    "lshap",
    "make_method",
    "make_search",
]
