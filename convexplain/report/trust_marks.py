"""Trust in words and colour: the one place that decides how every surface shows how far a score may be believed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from convexplain.agreement import format_estimate

if TYPE_CHECKING:
    from convexplain.workspace.trust import Trust

Tone = Literal["low", "good", "grey"]

NO_BETTER = "no better than chance"
SORTING = "sorting only"
TOO_EARLY = "too early to say"
COLOURS: Mapping[Tone, str] = {"low": "#cf6a2c", "good": "#3d8fc4", "grey": "#8d979f"}
"""Colours of marks in charts; they are readable on light and on dark pages."""
_ADVICE = (
    "Flagged turns are worth a look, and some flags will be wrong. `convexplain judges validate` compares the judge "
    "with your labels; until then shares may be wrong on your chats."
)
_SEVERAL = f"The judge agrees with the reference set of convexplain, not yet with your people. {_ADVICE}"


@dataclass(frozen=True, slots=True)
class TrustMark:
    """The trust in a judge on a maxim, as it stands beside a score.

    Attributes:
        word: `validated`, `benchmarked`, `unvalidated`, `sorting only`, `too early to say` or `no better than chance`.
        sentence: says what may be believed of the scores, and what not.
        flags: True if scores may be held against the threshold, counted and coloured; else they only sort turns.
        by_people: the trust comes from people's labels, whatever they say of the judge, as far as they go.
        figures: the measured figures of a benchmarked judge, for a line that several maxims share; else empty.
    """

    word: str
    sentence: str
    flags: bool
    by_people: bool = False
    figures: str = ""

    def tone(self, score: float | None, threshold: float) -> Tone:
        """Return the colour of a score: grey without a score, and where scores are not held against the threshold."""
        if score is None or not self.flags:
            return "grey"
        return "low" if score < threshold else "good"

    def is_low(self, score: float | None, threshold: float) -> bool:
        """Return whether a score counts as below the threshold."""
        return self.tone(score, threshold) == "low"


def trust_mark(trust: Trust) -> TrustMark:
    """Return how the trust in a judge on a maxim is shown."""
    mark = _agreement_mark(trust)
    return mark if trust.injection is None else replace(mark, sentence=f"{mark.sentence} {trust.injection_sentence}")


def _agreement_mark(trust: Trust) -> TrustMark:
    if trust.auc is None:
        return TrustMark("unvalidated", _unvalidated(trust), flags=False, by_people=bool(trust.verdict))
    figure = f"AUC {format_estimate(trust.auc)}, where 0.5 is chance"
    by_people = trust.state == "validated"
    source = f"{trust.auc.n:,} turns with your people's labels" if by_people else "the reference set of convexplain"
    verdict = f" This judge {trust.verdict}" if trust.verdict and trust.use != "too early" else ""
    if trust.use == "too early":
        return TrustMark(
            TOO_EARLY,
            f"Your people have labelled too few turns ({figure}, {trust.auc.n:,} turns). Use its scores to sort turns, "
            "not to count or to flag them, until there are more labels.",
            flags=False,
            by_people=by_people,
        )
    if not trust.better:
        return TrustMark(
            NO_BETTER,
            f"On {source} this judge tells good turns from bad ones no better than a coin or the length of a turn "
            f"does ({figure}). Do not act on its scores: take another judge for this maxim.{verdict}",
            flags=False,
            by_people=by_people,
        )
    if not trust.flags:
        return TrustMark(
            SORTING,
            f"On {source} this judge ranks good turns above bad ones ({figure}), but its threshold does not tell them "
            f"apart. Use its scores to sort turns, not to count or to flag them.{verdict}",
            flags=False,
            by_people=by_people,
        )
    if by_people:
        return TrustMark(
            "validated",
            f"Agrees with your people's labels: {figure}, {trust.auc.n:,} labelled turns. Flags and shares may be "
            "acted on; a single score may still be wrong.",
            flags=True,
            by_people=True,
        )
    return TrustMark(
        "benchmarked",
        f"Agrees with the reference set of convexplain ({figure}), not yet with your people. {_ADVICE}",
        flags=True,
        figures=f"AUC {format_estimate(trust.auc)}",
    )


def trust_legend(marks: Mapping[str, TrustMark]) -> list[str]:
    """Return a sentence for each kind of trust, with the maxims that it holds for: those that flag come first.

    Benchmarked maxims share one, with the figures of each.

    Args:
        marks: by the maxims' names.
    """
    names: dict[TrustMark, list[str]] = {}
    for name, mark in marks.items():
        names.setdefault(mark, []).append(name)
    ordered = sorted(names, key=lambda mark: not mark.flags)
    benchmarked = [mark for mark in ordered if mark.figures]
    lines = []
    for mark in ordered:
        if mark not in benchmarked:
            lines.append(f"{', '.join(names[mark])}: {mark.word}. {mark.sentence}")
        elif mark is benchmarked[0]:
            maxims = [name for each in benchmarked for name in names[each]]
            figures = "; ".join(f"{', '.join(names[each])} {each.figures}" for each in benchmarked)
            lines.append(f"{', '.join(maxims)}: {mark.word}. {_SEVERAL} Measured there (0.5 is chance): {figures}.")
    return lines


def _unvalidated(trust: Trust) -> str:
    head = trust.note.partition(" Its head: ")[2]
    card = f" Its head: {head}" if head else ""
    labels = f" People's labels so far: {trust.verdict}" if trust.verdict else ""
    return (
        "Nobody has compared this judge with people on this maxim. Use its scores to sort turns, not to count or to "
        f"flag them.{labels}{card}"
    )
