"""Thresholds that a program sets for a judge, held against the scores that the judge gave to turns with labels."""

from collections.abc import Callable, Mapping
from operator import eq, ge, gt, le, lt

from convexplain.errors import UsageError

from .trust import Trust

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {">=": ge, "<=": le, "==": eq, ">": gt, "<": lt}
"""The signs by which a score is compared with a threshold, each with its function."""

_SHARES = (0.01, 0.05, 0.1)  # of ordinary turns, for which thresholds are proposed


def check_threshold(parameter: str, threshold: float, trust: Trust, comparison: str = "<") -> None:
    """Check that a comparison of scores with a threshold can come out in both ways.

    Where no scores of turns with labels are known, every threshold is accepted.

    Args:
        parameter: the parameter with its value, for the message.
        threshold: in [0, 1].
        trust: the trust in the judge on the maxim, with its scores.
        comparison: one of `COMPARISONS`.

    Raises:
        UsageError: all the scores that the judge gave come out in the same way.
    """
    lowest, highest = trust.lowest, trust.highest
    if lowest is None or highest is None:
        return
    compare = COMPARISONS[comparison]
    if comparison == "==":
        possible = lowest <= threshold <= highest
        outcome = "no"
    else:
        possible = compare(lowest, threshold) != compare(highest, threshold)
        outcome = "every" if compare(lowest, threshold) else "no"
    if possible:
        return
    turns = "the labelled turns" if trust.state == "validated" else "the turns of the reference set"
    raise UsageError(
        f"{parameter} is not valid: on {trust.rubric} {trust.judge} gave {turns} scores from {lowest:g} "
        f"to {highest:g}, so {outcome} score is {comparison} {threshold:g}. {sensible_thresholds(trust)}"
    )


def sensible_thresholds(trust: Trust) -> str:
    """Return thresholds with the shares of ordinary and of bad turns that score below each, in a sentence or two."""
    sentences: dict[float, str] = {}
    for share in _SHARES:
        threshold = trust.quantile(share)
        if threshold is not None and trust.lowest is not None and threshold > trust.lowest:
            sentences.setdefault(threshold, _effect(trust, threshold, share))
    if not sentences:
        return "No threshold can be proposed: too few scores of ordinary turns are known."
    return f"Sensible thresholds: {', '.join(sentences.values())}."


def threshold_remark(trust: Trust) -> str:
    """Return what speaks against acting on a judge's scores on a maxim; empty where nothing does."""
    return "" if trust.flags else str(trust)


def _effect(trust: Trust, threshold: float, share: float) -> str:
    caught = [f"{part:.0%} of {kind.replace('_', '-')} turns" for kind, part in trust.catch(threshold).items()]
    catch = f"; it catches {_series(caught)}" if caught else ""
    return f"{threshold:g} (at most {share:.0%} of ordinary turns are below it{catch})"


def _series(parts: list[str]) -> str:
    *first, last = parts
    return f"{', '.join(first)} and {last}" if first else last
