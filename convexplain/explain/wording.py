"""Sentences about contrasts and reasons, the same in the terminal, on a page and in a report."""

from convexplain.types import Contrast, QuoteCheck

NOTHING_BEFORE = "nothing before it to attribute to"
_NOTHING = 1e-6  # a smaller movement is none

_QUOTE_MARKS: dict[QuoteCheck | None, str] = {
    "missing": "a quote in this reason is not in the conversation",
    "none": "this reason quotes no words of the conversation",
}


def marked_reason(reason: str | None, quotes: QuoteCheck | None, longest: int | None = None) -> str:
    """Return a judge's reason in words, with a mark where its quotes do not show what it is about; empty without one.

    Args:
        reason: the reason.
        quotes: the check of its quotes, as in `Evidence.reason_quotes`.
        longest: the most characters of the reason, which is cut there; None for no limit.
    """
    text = reason or ""
    if longest is not None and len(text) > longest:
        text = f"{text[: longest - 1]}…"
    return f"{text} ({_QUOTE_MARKS[quotes]})" if text and quotes in _QUOTE_MARKS else text


def movement(before: float | None, after: float | None) -> str:
    """Return two scores as `0.30 -> 0.62`."""
    return " -> ".join("–" if score is None else f"{score:.2f}" for score in (before, after))


def counted(number: int, what: str) -> str:
    """Return `1 edit`, `2 edits`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def scores_of(contrast: Contrast) -> str:
    """Return the scores before and after, and the second measurement where there is one."""
    again = "" if contrast.score_again is None else f", measured again {contrast.score_again:.2f}"
    return movement(contrast.score_before, contrast.score_after) + again


def missed(contrast: Contrast, threshold: float) -> str:
    """Say why there is no contrast of a turn that has a score and something to edit."""
    before = movement(contrast.score_before, contrast.score_after).split()[0]
    if contrast.stopped == "too close":
        return f"not searched: the score of {before} is within the judge's noise of the threshold of {threshold:g}"
    if not contrast.calls:
        return f"no contrast: the score is {before} and cannot go that far"
    tries = f"{contrast.calls} try" if contrast.calls == 1 else f"{contrast.calls} tries"
    if contrast.score_after is None:
        return f"no contrast: none of {tries} could be scored"
    missed_aim = f"no edit {_aim(contrast, threshold, before)} in {tries}"
    best = max((g for _, g in contrast.trace if g is not None), default=None)
    start = 0.0 if contrast.goal != "cross" else -abs((contrast.score_before or 0.0) - threshold)
    if best is None or best <= start + _NOTHING:
        return f"{missed_aim}; none moved it in that direction"
    reached = f"{contrast.score_after:.2f}"
    if best >= contrast.delta - _NOTHING:
        again = "" if contrast.score_again is None else f" but, measured again, {contrast.score_again:.2f}"
        return f"{missed_aim} for certain; the best reached {reached}{again}"
    return f"{missed_aim}; the best reached {reached}"


def _aim(contrast: Contrast, threshold: float, before: str) -> str:
    """Return what a search was to do; a crossing by less than delta, the margin for noise, is none."""
    if contrast.goal != "cross":
        return f"{contrast.goal}d the score of {before} by {contrast.delta:g}".replace("worsend", "worsened")
    up = (contrast.score_before or 0.0) < threshold
    target = threshold + contrast.delta if up else threshold - contrast.delta
    margin = f"threshold {threshold:g} and a margin of {contrast.delta:g} for noise"
    return f"carried the score of {before} to {target:.2f} ({margin})"


def no_turn(editable: object) -> str:
    """Return which turns a conversation lacks where none may be edited."""
    return f"no earlier {editable if editable in ('assistant', 'user') else 'editable'} turn"


def contrast_outcome(contrast: Contrast, threshold: float) -> str:
    """Return what came of a search, in one line."""
    goal = f"threshold {threshold:g}" if contrast.goal == "cross" else f"{contrast.goal} by {contrast.delta:g}"
    if contrast.found:
        change = f"{scores_of(contrast)} ({goal}) by {counted(len(contrast.edits), 'edit')}"
        return f"{change}; {counted(contrast.calls, 'call')}.".replace("->", "→")
    if contrast.stopped == "not scored":
        return f"The turn could not be scored: {'; '.join(contrast.notes)}"
    if contrast.stopped in ("nothing to edit", "no fills"):
        place = "the reply" if contrast.question == "revise" else "the earlier turns that may be edited"
        return f"There is nothing to edit in {place}, or no other words were proposed."
    why = missed(contrast, threshold).replace("->", "→")
    return f"{why[0].upper()}{why[1:]}."
