"""Texts about agreement that the terminal and the HTML report share."""

from convexplain.fidelity import Estimate

MARKS = {"high": "↑", "low": "↓", "zero": "→0"}
"""Marks of the good end of a measure."""


def format_estimate(estimate: Estimate, signed: bool = False, digits: int = 2) -> str:
    """Return an estimate with its interval as text; a dash if it is undefined."""
    if estimate.value is None:
        return "–"
    form = f"{'+' if signed else ''}z.{digits}f"  # z: a rounded zero has no minus
    text = f"{estimate.value:{form}}"
    return text if estimate.low is None else f"{text} [{estimate.low:{form}}, {estimate.high:{form}}]"


def format_share(estimate: Estimate) -> str:
    """Return a share with its interval in per cent; a dash if it is undefined."""
    if estimate.value is None:
        return "–"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.0%}"
    return f"{estimate.value:.0%} [{estimate.low:.0%}, {estimate.high:.0%}]"
