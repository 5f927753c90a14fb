"""Leave one out: the loss of value when a unit is removed."""

from ..protocol import MethodOutcome, Value, ValueSearch
from ..registry import AttributionMethod


def loo(n: int) -> ValueSearch[MethodOutcome]:
    """Remove each unit alone: n evaluations besides that of the whole text.

    Exact where the value is a sum over the units. It does not see what two units do together: of two that say the same,
    neither counts.

    Args:
        n: how many units there are.
    """
    full, *values = yield Value((frozenset(), *(frozenset([unit]) for unit in range(n))))
    return MethodOutcome(tuple(None if full is None or value is None else full - value for value in values))


LOO = AttributionMethod("loo", "Leave one out: each unit is removed alone.", loo)
