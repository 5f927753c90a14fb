"""The searches, for people who bring their own model: functions in, a result out; the `a…` twins take coroutines."""

from ._solving import SEARCHES, Options, Result, make_search
from .attributing import METHODS, Attributed, aclime, ajoint, aloo, alshap, clime, joint, loo, lshap, make_method
from .functions import acell, acell_budget, afew, aguided, cell, cell_budget, few, guided

__all__ = [
    "METHODS",
    "SEARCHES",
    "Attributed",
    "Options",
    "Result",
    "acell",
    "acell_budget",
    "aclime",
    "afew",
    "aguided",
    "ajoint",
    "aloo",
    "alshap",
    "cell",
    "cell_budget",
    "clime",
    "few",
    "guided",
    "joint",
    "loo",
    "lshap",
    "make_method",
    "make_search",
]
