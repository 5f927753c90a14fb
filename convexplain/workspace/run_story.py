"""The overview of a run as people read it: how good, since last time, the problems, where they are, what to do next.

The parts are functions of their own, so that a page computes only what it shows; `run_story` puts them together.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from convexplain.agreement.usefulness import MIN_LABELLED
from convexplain.analysis.group_differences import GroupDifference, group_differences, mean_score
from convexplain.explain.wording import counted
from convexplain.report.trust_marks import NO_BETTER, TOO_EARLY, TrustMark
from convexplain.store import scored_turn_count
from convexplain.store.label_counts import label_counts
from convexplain.store.score_sums import ScoreSums, score_sums
from convexplain.store.turn_scores import ConversationGroup, conversation_groups
from convexplain.types import RubricScope

from .findings import stored_explanation, worst_findings
from .results import AnalyzedRun
from .run_changes import RunChange, run_change
from .theme_results import RunTheme, RunThemes
from .themes import run_themes
from .turn_explanation import Explanation

ActionKind = Literal["theme", "find themes", "explain", "label", "validate", "judge"]

TOP = 3
"""Themes, worst turns and actions that a story has at most."""
_TO_VALIDATE = ("unvalidated", "benchmarked", TOO_EARLY)  # states that labels improve


@dataclass(frozen=True, slots=True)
class MaximState:
    """The state of a run on one maxim.

    Attributes:
        rubric, sha, title, threshold: of the maxim.
        mark: the trust in the judge; only where it `flags` may scores be held against the threshold.
        scored: how many turns have a score.
        mean: their mean score in [0, 1], 1 = satisfied; None without any.
        interval: its 95 % interval over conversations; None below five conversations.
        below: the share of them below the threshold; None where that proves nothing.
        scope: what a score is of: a turn, or a whole conversation.
        sample: where the run has judged a sample, that in words, as `a sample of 500 of 12,000 turns`; mean and share
            are then estimates for all of them, with intervals that fit the sample; else empty.
        below_interval: the 95 % interval of the share of a sample; else None.
    """

    rubric: str
    sha: str
    title: str
    threshold: float
    mark: TrustMark
    scored: int
    mean: float | None
    interval: tuple[float, float] | None
    below: float | None
    scope: RubricScope = "turn"
    sample: str = ""
    below_interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class LowTotal:
    """The number of turns, or conversations, of a run that are below the threshold of at least one maxim.

    Attributes:
        low: how many are.
        scored: how many have a score, at least 1.
        scope: what is counted.
    """

    low: int
    scored: int
    scope: RubricScope


@dataclass(frozen=True, slots=True)
class SuggestedAction:
    """A suggestion what to do next.

    Attributes:
        kind: `theme` (read it, mend its cause), `find themes`, `explain` (the worst turns), `label` (turns, so that the
            judge can be validated), `validate` (hold the judge against the labels that there are), or `judge` (take
            another one).
        sentence: the suggestion in words.
        theme: the theme's number in the store; None for other kinds.
        rubric: the maxim's id; empty for kinds that are not about one.
        turns: how many turns are to be labelled or explained; 0 for other kinds.
    """

    kind: ActionKind
    sentence: str
    theme: int | None = None
    rubric: str = ""
    turns: int = 0


@dataclass(frozen=True, slots=True)
class RunStory:
    """The overview of a run, in the order in which people ask.

    Attributes:
        states: how good it is on each maxim; those that may flag come first.
        total: how many turns are below a threshold, over all maxims; None where that cannot be said (`low_total`).
        since: the change since last time.
        themes: the three largest themes; empty where there are none or nobody has looked for any.
        searched: whether somebody has looked for themes.
        where: the groups of turns that differ beyond chance, the lowest against the remaining turns first.
        worst: the turns below a threshold that deserve a look most, with what the store has of their explanations.
        actions: what to do next, the most useful first: one to three.
        theme_notes: sentences on which turns were grouped into themes, and what the search could not do.
        grouped: how many turns the search for themes had to group.
        sample: the sentence that says which sample the run has judged; empty where it judged everything.
    """

    states: tuple[MaximState, ...]
    total: LowTotal | None
    since: RunChange
    themes: tuple[RunTheme, ...]
    searched: bool
    where: tuple[GroupDifference, ...]
    worst: tuple[Explanation, ...]
    actions: tuple[SuggestedAction, ...]
    theme_notes: tuple[str, ...] = ()
    grouped: int = 0
    sample: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        flags = {state.rubric: state.mark.flags for state in self.states}
        return {
            "maxims": [{**asdict(state), "mark": state.mark.word} for state in self.states],
            "total": asdict(self.total) if self.total else None,
            "since": self.since.to_dict(),
            "themes": [theme.to_dict() for theme in self.themes],
            "searched": self.searched,
            "theme_notes": list(self.theme_notes),
            "where": [_group_body(group, counts=flags[group.rubric]) for group in self.where],
            "worst": [explanation.to_dict() for explanation in self.worst],
            "actions": [asdict(action) for action in self.actions],
            "sample": self.sample,
        }


def run_story(run: AnalyzedRun) -> RunStory:
    """Return the overview of a run; nothing is asked of a model."""
    groups, sums = conversation_groups(run.store, run.id), maxim_sums(run)
    themes, worst, states = run_themes(run), worst_explanations(run), maxim_states(run, sums)
    return RunStory(
        states=states,
        total=low_total(run, states),
        since=run_change(run, groups),
        themes=themes.themes[:TOP] if themes else (),
        searched=themes is not None,
        where=where_different(run, sums, groups),
        worst=worst,
        actions=suggested_actions(run, themes, worst),
        theme_notes=_theme_notes(themes),
        grouped=themes.search.flagged if themes else 0,
        sample=run.sample.sentence if run.sample else "",
    )


def maxim_sums(run: AnalyzedRun) -> dict[str, ScoreSums]:
    """Return the sums of a run's scores, by the maxims' ids."""
    return {rubric.id: score_sums(run.store, run.id, rubric.sha, rubric.threshold) for rubric in run.rubrics}


def maxim_states(run: AnalyzedRun, sums: Mapping[str, ScoreSums]) -> tuple[MaximState, ...]:
    """Return the state of a run on each maxim; those that may flag come first."""
    states = []
    for rubric in run.rubrics:
        scores, mark = sums[rubric.id], run.marks[rubric.id]
        n, mean = int(scores.counts.sum()), mean_score(scores)
        state = MaximState(
            rubric=rubric.id,
            sha=rubric.sha,
            title=rubric.title,
            threshold=rubric.threshold,
            mark=mark,
            scored=n,
            mean=mean.value if mean else None,
            interval=mean.interval if mean else None,
            below=float(scores.below.sum()) / n if n and mark.flags else None,
            scope=rubric.scope,
        )
        states.append(_estimated(run, state) if run.sample is not None and n else state)
    return tuple(sorted(states, key=lambda state: not state.mark.flags))


def low_total(run: AnalyzedRun, states: Collection[MaximState]) -> LowTotal | None:
    """Return how many turns of a run are below a threshold.

    None where a maxim only sorts turns, where some maxims judge turns and others conversations, where the run has
    judged a sample, and where nothing has a score.
    """
    scopes = {state.scope for state in states}
    if run.sample is not None or len(scopes) != 1 or not all(state.mark.flags for state in states):
        return None
    scored = scored_turn_count(run.store, run.id)
    return LowTotal(run.low_turns, scored, scopes.pop()) if scored else None


def _estimated(run: AnalyzedRun, state: MaximState) -> MaximState:
    """Return the state of a run that has judged a sample, with estimates for all turns of the logs."""
    maxim = next(maxim for maxim in run.summary.maxims if maxim.rubric == state.rubric)
    return replace(
        state,
        mean=maxim.mean,
        interval=maxim.mean_interval,
        below=maxim.below if state.mark.flags else None,
        below_interval=maxim.below_interval if state.mark.flags else None,
        sample=run.sample.words(state.scope) if run.sample else "",
    )


def where_different(
    run: AnalyzedRun, sums: Mapping[str, ScoreSums], groups: Mapping[int, ConversationGroup]
) -> tuple[GroupDifference, ...]:
    """Return the groups by source, bot, day and depth that differ beyond chance (`group_differences`).

    Those on maxims that may flag come first; within them the lowest against the remaining turns.
    """
    flat = frozenset(rubric.id for rubric in run.rubrics if rubric.of_conversation)
    different = group_differences(sums, groups, flat)
    return tuple(sorted(different, key=lambda group: not run.marks[group.rubric].flags))


def worst_explanations(run: AnalyzedRun, n: int = TOP) -> tuple[Explanation, ...]:
    """Return the n worst turns below their threshold, with what the store has of their explanations."""
    return tuple(stored_explanation(run.store, finding) for finding in worst_findings(run, n))


def suggested_actions(
    run: AnalyzedRun, themes: RunThemes | None, worst: Sequence[Explanation]
) -> tuple[SuggestedAction, ...]:
    """Return what to do next, the most useful first: at most three suggestions.

    Where no score of the run may be acted on, labels come first; else the largest theme does.

    Args:
        run: the run.
        themes: its stored themes; None where nobody has looked for any.
        worst: its worst turns with their explanations.
    """
    labels = _labels(run)
    reading = [*_of_themes(themes, worst), *_of_explanations(worst)]
    trusted = any(mark.flags for mark in run.marks.values())
    ordered = [*reading, *labels] if trusted else [*labels, *reading]
    return tuple(ordered[:TOP])


def _theme_notes(themes: RunThemes | None) -> tuple[str, ...]:
    if themes is None:
        return ()
    return tuple(filter(None, (themes.search.basis if themes.themes else "", themes.cause_note, *themes.search.notes)))


def _of_themes(themes: RunThemes | None, worst: Sequence[Explanation]) -> list[SuggestedAction]:
    if themes is None:
        return (
            [SuggestedAction("find themes", "Group the low turns by how they fail: find the themes.")] if worst else []
        )
    if not themes.themes:
        return []
    largest = themes.themes[0]
    count = counted(largest.count, "turn")
    sentence = f"Start with the largest problem: {largest.theme.name} ({count}). {largest.advice}"
    return [SuggestedAction("theme", sentence, theme=largest.number)]


def _of_explanations(worst: Sequence[Explanation]) -> list[SuggestedAction]:
    unexplained = [explanation for explanation in worst if not explanation.attributions and not explanation.contrast]
    if not unexplained:
        return []
    n = len(unexplained)
    named = "the worst turn" if n == 1 else f"the {n} worst turns"
    return [SuggestedAction("explain", f"Explain {named}: which words and earlier turns matter is not known.", turns=n)]


def _labels(run: AnalyzedRun) -> list[SuggestedAction]:
    """Return the suggestion for the maxim that is nearest to being validated, and those to take another judge."""
    replacements = [
        SuggestedAction("judge", f"Take another judge for {rubric.id}: this one is {NO_BETTER}.", rubric=rubric.id)
        for rubric in run.rubrics
        if run.marks[rubric.id].word == NO_BETTER
    ]
    missing = {
        rubric.id: labels_missing(*label_counts(run.store, run.id, rubric))
        for rubric in run.rubrics
        if run.marks[rubric.id].word in _TO_VALIDATE
    }
    if not missing:
        return replacements
    rubric = min(missing, key=lambda name: (missing[name], run.marks[name].flags))
    n = missing[rubric]
    if not n:
        return [
            SuggestedAction("validate", f"Compare the judge with the labels on {rubric}.", rubric=rubric),
            *replacements,
        ]
    more = counted(n, "turn")
    sentence = f"Label {more} or more, to know how far the scores on {rubric} agree with your people."
    return [SuggestedAction("label", sentence, rubric=rubric, turns=n), *replacements]


def labels_missing(good: int, bad: int) -> int:
    """Return how many labels are missing at least before a judge can be held against them.

    Args:
        good, bad: how many turns people have called good and bad.
    """
    return max(0, MIN_LABELLED - good) + max(0, MIN_LABELLED - bad)


def _group_body(group: GroupDifference, *, counts: bool) -> dict[str, Any]:
    body = asdict(group)
    return body if counts else {**body, "below": None, "below_elsewhere": None}
