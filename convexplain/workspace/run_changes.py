"""The change since last time: from an earlier run of the same judge, or from the week before within one run."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any, Literal

import numpy as np

from convexplain.analysis.averages import AverageComparison, compare_averages
from convexplain.analysis.change_verdicts import RunShift, shift_of
from convexplain.analysis.comparison import Comparison, compare
from convexplain.analysis.verdicts import Verdict, verdicts
from convexplain.explain.measurement import ASSUMED_NOISE
from convexplain.report.trust_marks import TrustMark
from convexplain.store import Run, run_rubrics
from convexplain.store.overview import filter_choices
from convexplain.store.paired_scores import RunScores, paired_scores, run_scores
from convexplain.store.run_list import earlier_runs
from convexplain.store.turn_scores import ConversationGroup
from convexplain.types import Rubric

from .results import AnalyzedRun
from .scales import run_noise_floor
from .trust import trust_keys

Basis = Literal["same conversations", "other conversations", "weeks"]

_WEEK = timedelta(days=7)
_EARLIER = 20  # earlier runs that are looked at
NO_EARLIER = "There is no earlier run of the same bots or sources to compare with."


@dataclass(frozen=True, slots=True)
class MaximChange:
    """The change of the mean score on one maxim.

    Attributes:
        rubric, title: of the maxim.
        mark: the trust in the judge.
        before, after: mean scores, in [0, 1].
        interval: the 95 % interval of after − before, at least as wide as the judge's noise makes it; None where there
            are fewer than five conversations.
        verdict: on this maxim; `cannot tell` where chance explains the change, by Holm's procedure over all maxims.
    """

    rubric: str
    title: str
    mark: TrustMark
    before: float
    after: float
    interval: tuple[float, float] | None
    verdict: Verdict

    @property
    def shift(self) -> float:
        """Return the difference of the means, positive where scores rose."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class RunChange:
    """The change since last time.

    Attributes:
        maxims: the change on each maxim; empty where there is nothing to compare with.
        basis: `same conversations` (answered by another version, matched by their ids), `other conversations` (of the
            same bots or sources), or `weeks` (the run's last seven days against the seven before); None without any.
        earlier: the earlier run; None for weeks.
        before, after: names of the two sides, as `run 3` or `2–8 November`.
        note: why there is nothing to compare with, or which runs were left out; may be empty.
    """

    maxims: tuple[MaximChange, ...] = ()
    basis: Basis | None = None
    earlier: int | None = None
    before: str = ""
    after: str = ""
    note: str = NO_EARLIER

    @property
    def verdict(self) -> Verdict | Literal["mixed"] | None:
        """Return the verdict over the maxims whose scores may be acted on; None where nothing was compared."""
        if not self.maxims:
            return None
        clear = {change.verdict for change in self.maxims if change.mark.flags} - {"cannot tell"}
        if len(clear) == 2:  # better on one, worse on another
            return "mixed"
        return clear.pop() if clear else "cannot tell"

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        changes = [{**asdict(change), "mark": change.mark.word, "shift": change.shift} for change in self.maxims]
        return {**asdict(self), "maxims": changes, "verdict": self.verdict}


Side = tuple[float, float, RunShift]
"""Mean scores before and after, and their difference for a verdict."""


def run_change(run: AnalyzedRun, groups: Mapping[int, ConversationGroup]) -> RunChange:
    """Return the change since last time.

    It is that from the newest earlier run of the same judge which has a conversation, a source or a named bot in common
    with this one. The same judge gives the same text the same score, so of conversations that both runs judged nothing
    can have changed: only those that are new in this run count, paired with the earlier ones that they answer again
    where at least half of them do. Where there is no such run, the run's last seven days
    are compared with the seven before.

    Args:
        run: the run.
        groups: of its conversations, by their numbers in the store.
    """
    notes: list[str] = []
    sources = {group.source for group in groups.values()}
    bots = {group.bot for group in groups.values() if group.bot}
    for earlier in earlier_runs(run.store, run.id, _EARLIER):
        choices = filter_choices(run.store, earlier.id)
        if not (sources & set(choices.sources) or bots & set(choices.bots)):
            continue
        if not _same_judge(earlier, run.run):
            notes = notes or [
                f"Run {earlier.id} was judged by another judge ({earlier.judge}): its scores are on another scale."
            ]
            continue
        change = _since(run, earlier)
        if change is not None:
            return change
        notes = notes or [
            f"Run {earlier.id} holds the same conversations, by the same judge: nothing can have changed."
        ]
    note = notes[0] if notes else NO_EARLIER
    return _weeks(run, groups, note) or RunChange(note=note)


def _same_judge(first: Run, second: Run) -> bool:
    calibrated = [run.settings.get("calibrated") for run in (first, second)]
    keys = [trust_keys(run.fingerprint, run.settings) for run in (first, second)]
    return keys[0] == keys[1] and calibrated[0] == calibrated[1]


def _since(run: AnalyzedRun, earlier: Run) -> RunChange | None:
    """Return the change from an earlier run; None where this one has no new conversation with a score."""
    shas = {rubric.sha for rubric in run_rubrics(run.store, earlier.id)}
    rubrics = [rubric for rubric in run.rubrics if rubric.sha in shas]
    paired: dict[str, Side] = {}
    averaged: dict[str, Side] = {}
    for rubric in rubrics:
        pairs = paired_scores(run.store, earlier.id, rubric.sha, run.id, rubric.sha, rubric.scope).answered_again()
        before, after = _without_shared(run, earlier, rubric)
        change = compare(pairs, rubric.threshold)
        if change is not None and 2 * change.conversations >= len(np.unique(after.scored().numbers)):
            paired[rubric.id] = _side(run, rubric, change)
        elif (average := compare_averages(before, after, rubric.threshold)) is not None:
            averaged[rubric.id] = _side(run, rubric, average)
    sides = paired or averaged
    if not sides:
        return None
    names = _name(earlier), "this run"
    basis: Basis = "same conversations" if paired else "other conversations"
    return RunChange(_changes(run, sides), basis, earlier.id, *names, note="")


def _without_shared(run: AnalyzedRun, earlier: Run, rubric: Rubric) -> tuple[RunScores, RunScores]:
    """Return the scores of the earlier run, and those of the conversations that are new in this one."""
    before = run_scores(run.store, earlier.id, rubric.sha)
    after = run_scores(run.store, run.id, rubric.sha)
    new = ~np.isin(after.numbers, before.numbers)
    return before, after.where(new)


def _weeks(run: AnalyzedRun, groups: Mapping[int, ConversationGroup], note: str) -> RunChange | None:
    days = {number: group.began_at.date() for number, group in groups.items() if group.began_at is not None}
    if not days:
        return None
    last = max(days.values())
    start, earlier_start = last - _WEEK + timedelta(days=1), last - 2 * _WEEK + timedelta(days=1)
    before = {number for number, day in days.items() if earlier_start <= day < start}
    after = {number for number, day in days.items() if day >= start}
    sides: dict[str, Side] = {}
    for rubric in run.rubrics if before and after else ():
        scores = run_scores(run.store, run.id, rubric.sha)
        average = compare_averages(_of(scores, before), _of(scores, after), rubric.threshold)
        if average is not None and average.interval is not None:
            sides[rubric.id] = _side(run, rubric, average)
    if not sides:
        return None
    names = period(earlier_start, start - timedelta(days=1)), period(start, last)
    return RunChange(_changes(run, sides), "weeks", None, *names, note=note)


def _of(scores: RunScores, numbers: set[int]) -> RunScores:
    return scores.where(np.isin(scores.numbers, list(numbers)))


def _side(run: AnalyzedRun, rubric: Rubric, change: Comparison | AverageComparison) -> Side:
    noise = run_noise_floor(run.store, run.run, rubric)  # of both sides: they have the same judge
    return change.before, change.after, shift_of(change, ASSUMED_NOISE if noise is None else noise)


def _changes(run: AnalyzedRun, sides: Mapping[str, Side]) -> tuple[MaximChange, ...]:
    """Return the changes with their verdicts: those of maxims that may be acted on are judged together.

    Where there are too few conversations to tell a change from chance, it has no interval and cannot be told.
    """
    titles = {rubric.id: rubric.title for rubric in run.rubrics}
    names = sorted(sides, key=lambda rubric: not run.marks[rubric].flags)
    judged: dict[str, Verdict] = {}
    for flags in (True, False):
        same = [name for name in names if run.marks[name].flags is flags and sides[name][2].tested]
        judged |= zip(same, verdicts([sides[name][2].change for name in same]), strict=True)
    return tuple(
        MaximChange(
            rubric=name,
            title=titles[name],
            mark=run.marks[name],
            before=sides[name][0],
            after=sides[name][1],
            interval=sides[name][2].interval if sides[name][2].tested else None,
            verdict=judged.get(name, "cannot tell"),
        )
        for name in names
    )


def _name(run: Run) -> str:
    return f"run {run.id} ({run.name or run.created_at.date().isoformat()})"


def period(first: date, last: date) -> str:
    """Return a span of days in words, as `2–8 November 2026`."""
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{last.day} {last:%B %Y}"
    if first.year == last.year:
        return f"{first.day} {first:%B} – {last.day} {last:%B %Y}"
    return f"{first.day} {first:%B %Y} – {last.day} {last:%B %Y}"
