"""Leave one out: what the value loses when a unit is removed."""

from .protocol import Attributing, Scores, Value


def loo(n: int) -> Attributing[Scores]:
    """Removes each unit alone: n evaluations besides that of the whole text.

    Exact where the value is a sum over the units; blind to what two units do together: of two that say the same,
    neither counts.

    Args:
        n: how many units there are.
    """
    full, *without = yield Value((frozenset(), *(frozenset([unit]) for unit in range(n))))
    return tuple(None if full is None or value is None else full - value for value in without)
