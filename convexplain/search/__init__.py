"""The searches, for people who bring their own model: functions in, a result out.

`asearch` and `aattribute` take coroutines instead of functions, and the search by its name, also one of another
package. `CONTRAST_SEARCHES` and `ATTRIBUTION_METHODS` have the names and descriptions of all of them.
"""

from .attribution import AttributeOptions, AttributionResult, aattribute
from .functions import cell, cell_budget, clime, few, guided, joint, loo, lshap, surrogate
from .plain_text import Options, SearchResult, asearch
from .registry import (
    ATTRIBUTION_METHODS,
    CONTRAST_SEARCHES,
    AttributionMethod,
    ContrastSearch,
    described,
    make_method,
    make_search,
    offered_searches,
)

__all__ = [
    "ATTRIBUTION_METHODS",
    "CONTRAST_SEARCHES",
    "AttributeOptions",
    "AttributionMethod",
    "AttributionResult",
    "ContrastSearch",
    "Options",
    "SearchResult",
    "aattribute",
    "asearch",
    "cell",
    "cell_budget",
    "clime",
    "described",
    "few",
    "guided",
    "joint",
    "loo",
    "lshap",
    "make_method",
    "make_search",
    "offered_searches",
    "surrogate",
]
