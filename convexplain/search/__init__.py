"""The searches, for people who bring their own model: functions in, a result out.

`asearch` and `aattribute` take coroutines instead of functions, and the search by its name.
"""

from ._solving import SEARCHES, Options, Result, asearch, make_search
from .attributing import (
    METHODS,
    Attributed,
    AttributeOptions,
    aattribute,
    clime,
    joint,
    loo,
    lshap,
    make_method,
)
from .functions import cell, cell_budget, few, guided

__all__ = [
    "METHODS",
    "SEARCHES",
    "AttributeOptions",
    "Attributed",
    "Options",
    "Result",
    "aattribute",
    "asearch",
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
