"""Sentences about contrasts and reasons, the same in the terminal, on a page and in a report."""

from convexplain.types import Contrast, ParetoPoint, QuoteCheck, Rubric

from .contrasts import KEEPS_FAULTS, NOISE_ASSUMED, NOTHING_TO_EDIT
from .head_phrases import stated_faults

NOTHING_PROPOSED = "no text was proposed for an edit"
ALL_REFUSED = "every proposed text was refused"
WHOLE_CONVERSATION = "whole conversation"
_NOTHING = 1e-6  # a smaller movement is none
_NATURAL = 0.15  # nats a token, at the edit's worst place; a smaller change is none that a reader feels

_QUOTE_MARKS: dict[QuoteCheck | None, str] = {
    "earlier_reply": "the words that this reason quotes are of an earlier reply, not of the judged one",
    "missing": "a quote in this reason is not in the conversation",
    "none": "this reason quotes no words of the conversation",
}


def marked_reason(reason: str | None, quotes: QuoteCheck | None, longest: int | None = None) -> str:
    """Return a judge's reason in words, with a mark where its quotes do not show what it is about; empty without one.

    Of a head's reason only that is returned what names a fault.

    Args:
        reason: the reason.
        quotes: the check of its quotes, as in `Evidence.reason_quotes`; None for the reasons of heads.
        longest: the most characters of the reason, which is cut there; None for no limit.
    """
    text = reason or "" if quotes is not None else stated_faults(reason or "")
    if longest is not None and len(text) > longest:
        text = f"{text[: longest - 1]}…"
    return f"{text} ({_QUOTE_MARKS[quotes]})" if text and quotes in _QUOTE_MARKS else text


def judged_place(conversation: str, turn: int, rubric: Rubric) -> str:
    """Return what was judged, as `CONVERSATION, turn 3` or `CONVERSATION, whole conversation`."""
    return f"{conversation}, {WHOLE_CONVERSATION if rubric.of_conversation else f'turn {turn}'}"


def scope_note(rubric: Rubric) -> str:
    """Return the note on a score of a conversation, `, whole conversation`; empty for a score of a turn."""
    return f", {WHOLE_CONVERSATION}" if rubric.of_conversation else ""


def scale_note(rubric: Rubric) -> str:
    """Return what 1 means where the maxim's title says it in brackets, as `1 = harmless`; empty elsewhere."""
    note = rubric.title.rpartition("(")[2].rstrip(")")
    return note if note.startswith("1 = ") else ""


def movement(before: float | None, after: float | None) -> str:
    """Return two scores as `0.30 -> 0.62`."""
    return " -> ".join("–" if score is None else f"{score:.2f}" for score in (before, after))


def counted(number: int, what: str) -> str:
    """Return `1 edit`, `2 edits`, `1,200 edits`."""
    return f"{number} {what}" if number == 1 else f"{number:,} {what}s"


def scores_of(contrast: Contrast) -> str:
    """Return the scores before and after, and the second measurement where there is one."""
    again = "" if contrast.score_again is None else f", measured again {contrast.score_again:.2f}"
    return movement(contrast.score_before, contrast.score_after) + again


def proof(contrast: Contrast) -> list[str]:
    """Return the evidence for a contrast: how many fresh draws held, and how many equal edits elsewhere do the same.

    The kept maxims' scores come first. Empty where nothing of that was measured.
    """
    sentences = []
    if contrast.kept_scores:
        maxims = (f"{rubric} ({movement(*scores)})" for rubric, scores in contrast.kept_scores.items())
        sentences.append(f"keeps {', '.join(maxims)}")
    if contrast.fresh_draws:
        draw = "answer" if contrast.question == "regenerate" else "measurement"
        sentences.append(f"held in {contrast.fresh_held} of {counted(contrast.fresh_draws, f'fresh {draw}')}")
    if contrast.placebo_draws:
        did = "crossed" if contrast.goal == "cross" else "changed the score as much"
        tries = "1 try" if contrast.placebo_draws == 1 else f"{contrast.placebo_draws} tries"
        sentences.append(f"an edit about as large elsewhere {did} in {contrast.placebo_crossed} of {tries}")
    return sentences


def reading_ease(contrast: Contrast) -> str:
    """Return how naturally an edit reads, as a title of its text; empty where that was not measured."""
    change = contrast.naturalness
    if change is None:
        return ""
    side = "about as naturally as" if abs(change) < _NATURAL else "more naturally than" if change > 0 else "worse than"
    return f"Reads {side} before ({change:+.2f} nats a token under a local model of language)".replace("-", "−")


def nothing_measured(contrast: Contrast) -> str:
    """Return why a search had no text to measure."""
    return ALL_REFUSED if contrast.infills else NOTHING_PROPOSED


def search_notes(contrast: Contrast) -> list[str]:
    """Return the notes of a search that its outcome does not say already."""
    if contrast.stopped in ("not scored", "too close") or (contrast.stopped == "searched" and not contrast.calls):
        return []
    return [note for note in contrast.notes if note not in (NOISE_ASSUMED, NOTHING_TO_EDIT, KEEPS_FAULTS)]


def missed(contrast: Contrast, threshold: float) -> str:
    """Say why there is no contrast of a turn that has a score and something to edit."""
    before = movement(contrast.score_before, contrast.score_after).split()[0]
    if contrast.stopped == "too close":
        return f"not searched: {'; '.join(contrast.notes)}"
    if not contrast.calls:
        return f"no contrast: the score is {before} and cannot go that far"
    count = len(contrast.trace) if contrast.kept_scores else contrast.calls
    tries = "1 try" if count == 1 else f"{count} tries"
    if contrast.score_after is None:
        return f"no contrast: none of {tries} could be scored"
    missed_aim = f"no edit {_aim(contrast, threshold, before)}{_keeping(contrast)} in {tries}"
    if contrast.conflicts:
        lowered = (f"{rubric} ({counted(edits, 'edit')})" for rubric, edits in contrast.conflicts.items())
        return f"{missed_aim}; edits that went that far lowered {', '.join(lowered)} by more than the judge's noise"
    best = max((g for _, g in contrast.trace if g is not None), default=None)
    start = 0.0 if contrast.goal != "cross" else -abs((contrast.score_before or 0.0) - threshold)
    if best is None or best <= start + _NOTHING:
        return f"{missed_aim}; none moved it in that direction"
    reached = f"{contrast.score_after:.2f}"
    if KEEPS_FAULTS in contrast.notes:
        faults = "words with which the judge's reason finds fault"
        return f"{missed_aim} without {faults}; with them the best reached {reached}"
    if best >= contrast.delta - _NOTHING:
        again = "" if contrast.score_again is None else f" but, measured again, {contrast.score_again:.2f}"
        return f"{missed_aim} for certain; the best reached {reached}{again}"
    return f"{missed_aim}; the best reached {reached}"


def no_edit(contrast: Contrast, threshold: float) -> str:
    """Return in short sentences that a search found no edit, and how far the best one went."""
    if contrast.stopped == "no fills" and not contrast.infills and not search_notes(contrast):
        return (
            "No edit was found: nothing can be left out of the reply so that a readable one remains. A chat model can "
            "rewrite it (--editor rewrite:MODEL)."
        )
    searched = contrast.stopped in ("searched", "budget") and contrast.goal == "cross" and contrast.calls
    if not searched or contrast.score_after is None or contrast.conflicts:
        return contrast_outcome(contrast, threshold)
    up = (contrast.score_before or 0.0) < threshold
    target = threshold + contrast.delta if up else threshold - contrast.delta
    tries = "the one try" if contrast.calls == 1 else f"the best of {contrast.calls} tries"
    faults = ", but kept words with which the judge's reason finds fault" if KEEPS_FAULTS in contrast.notes else ""
    aim = f"{'lifts' if up else 'lowers'} the score to {target:.2f} or {'more' if up else 'less'}"
    return f"No readable edit was found that {aim}: {tries} reached {contrast.score_after:.2f}{faults}."


def _anywhere(contrast: Contrast) -> str:
    """Return why an edit is no contrast that crosses wherever the text is edited."""
    tries = "1 try" if contrast.placebo_draws == 1 else f"{contrast.placebo_draws} tries"
    change = f"an edit moved the score {movement(contrast.score_before, contrast.score_after)}".replace("->", "→")
    return f"{change}, but so did an edit elsewhere in {contrast.placebo_crossed} of {tries}: its place does not matter"


def _aim(contrast: Contrast, threshold: float, before: str) -> str:
    """Return what a search was to do; a crossing by less than delta, the margin for noise, is none."""
    if contrast.goal != "cross":
        return f"{contrast.goal}d the score of {before} by {contrast.delta:g}".replace("worsend", "worsened")
    up = (contrast.score_before or 0.0) < threshold
    target = threshold + contrast.delta if up else threshold - contrast.delta
    margin = f"threshold {threshold:g} and a margin of {contrast.delta:g} for noise"
    return f"moved the score from {before} to {target:.2f} ({margin})"


def _keeping(contrast: Contrast) -> str:
    return f" without lowering {' or '.join(contrast.kept_scores)}" if contrast.kept_scores else ""


def trade_offs_heading(contrast: Contrast) -> str:
    """Return the line above the edits that trade one maxim for another."""
    if len(contrast.pareto) == 1:
        return "The best edit that was measured on all of these maxims:"
    counts = f"{', '.join([contrast.rubric, *contrast.kept_scores])}, fewer changed words"
    return f"{len(contrast.pareto)} edits to choose from; none is better than another on every count ({counts}):"


def trade_off_scores(contrast: Contrast, point: ParetoPoint) -> str:
    """Return the scores of such an edit before and after, and its size, in one line."""
    before = {contrast.rubric: contrast.score_before} | {
        rubric: scores[0] for rubric, scores in contrast.kept_scores.items()
    }
    movements = (f"{rubric} {movement(before.get(rubric), score)}" for rubric, score in point.scores.items())
    edited = {edit.unit.turn: contrast.turns[edit.unit.turn].content for edit in contrast.edits}
    is_contrast = contrast.found and dict(point.texts) == edited
    same = " (the edit above)" if is_contrast else ""
    return f"{', '.join(movements)}, {counted(point.words, 'word')} changed{same}"


def no_turn(editable: object) -> str:
    """Return which turns a conversation lacks where none may be edited."""
    return f"no earlier {editable if editable in ('assistant', 'user') else 'editable'} turn"


def editable_place(contrast: Contrast) -> str:
    """Return in words what a search may edit."""
    return "the reply" if contrast.question == "revise" else "the turns that may be edited"


_CAUTION = "It shows what the judge reacts to. It may still be a bad answer: read it before you use it."
_WORSE = "It shows what the good score depends on. It is no better answer."


def edit_caution(contrast: Contrast) -> str:
    """Return what stands beside an edit: it moves the score over the threshold, and is no corrected answer."""
    return _CAUTION if _lifts(contrast) else _WORSE


def edit_title(contrast: Contrast) -> str:
    """Return the heading of an edit that was found."""
    return f"An edit that {'lifts' if _lifts(contrast) else 'lowers'} the score"


def _lifts(contrast: Contrast) -> bool:
    return (contrast.score_after or 0.0) >= (contrast.score_before or 0.0)


def contrast_outcome(contrast: Contrast, threshold: float) -> str:
    """Return the result of a search in one line; of one that found nothing, without the text that was refused."""
    goal = f"threshold {threshold:g}" if contrast.goal == "cross" else f"{contrast.goal} by {contrast.delta:g}"
    if contrast.found:
        change = f"{scores_of(contrast)} ({goal}) by {counted(contrast.edit_distance, 'changed word')}"
        return f"{'; '.join([change, *proof(contrast)])}.".replace("->", "→")
    if contrast.stopped == "not scored":
        return f"The turn could not be scored: {'; '.join(contrast.notes)}"
    if contrast.stopped == "nothing to edit":
        why = f"there is nothing to edit in {editable_place(contrast)}"
    elif contrast.stopped == "no fills":
        why = nothing_measured(contrast)
    elif contrast.stopped == "anywhere":
        why = _anywhere(contrast)
    else:
        why = missed(contrast, threshold).replace("->", "→")
    return f"{'; '.join([why[0].upper() + why[1:], *search_notes(contrast)])}."
