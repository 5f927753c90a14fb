"""Sentences about contrasts, the same in the terminal, on a page and in a report."""

from convexplain.types import Contrast

NOTHING_BEFORE = "nothing before it to attribute to"
_NOTHING = 1e-6  # a smaller movement is none


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
    scores = scores_of(contrast)
    before = scores.split()[0]
    if contrast.stopped == "too close":
        return f"not searched: the score of {before} is too close to the threshold of {threshold:g} to call"
    if not contrast.calls:
        return f"no contrast: the score is {before} and cannot go that far"
    if contrast.score_after is None:
        return f"no contrast: none of {counted(contrast.calls, 'edited context')} could be scored"
    # A crossing by less than delta is none.
    aim = f"threshold {threshold:g}" if contrast.goal == "cross" else contrast.goal
    within = f"no contrast within {counted(contrast.calls, 'call')} ({aim} by {contrast.delta:g})"
    best = max((g for _, g in contrast.trace if g is not None), default=None)
    start = 0.0 if contrast.goal != "cross" else -abs((contrast.score_before or 0.0) - threshold)
    if best is None or best <= start + _NOTHING:
        return f"{within}; no edit moved the score of {before} toward the goal"
    if best >= contrast.delta - _NOTHING:
        return f"{within}: {scores} was not confirmed by a second measurement"
    return f"{within}; the largest movement was {scores}"


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
        return "Nothing before the turn may be edited, or nothing could be put in its place."
    why = missed(contrast, threshold).replace("->", "→")
    return f"{why[0].upper()}{why[1:]}."
