"""The story of a run in sentences: how good it is, what changed since last time, and where it differs."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from convexplain.analysis.group_differences import GroupDifference
from convexplain.explain.wording import counted
from convexplain.report.first_page import low_sentence
from convexplain.store import RunStore
from convexplain.store.turn_scores import conversation_groups
from convexplain.text.visible import one_line
from convexplain.workspace.findings import stored_explanation, worst_findings
from convexplain.workspace.results import AnalyzedRun, Finding
from convexplain.workspace.run_changes import MaximChange, RunChange, run_change
from convexplain.workspace.run_story import (
    TOP,
    MaximState,
    SuggestedAction,
    low_total,
    maxim_states,
    maxim_sums,
    suggested_actions,
    where_different,
)
from convexplain.workspace.theme_results import RunThemes
from convexplain.workspace.themes import run_themes
from convexplain.workspace.turn_explanation import Explanation

from .signs import signed


@dataclass(frozen=True, slots=True)
class NextSteps:
    """The part of a run's story that people change as they work.

    Attributes:
        themes: the themes of the run; None where nobody has looked for any.
        worst: the worst turns below their threshold, with what is known of them.
        actions: what to do next.
    """

    themes: RunThemes | None
    worst: tuple[Explanation, ...]
    actions: tuple[SuggestedAction, ...]


def run_states(store: RunStore, run: int) -> tuple[MaximState, ...]:
    """Return the state of a run on each maxim."""
    analyzed = AnalyzedRun(store, store.run(run))
    return maxim_states(analyzed, maxim_sums(analyzed))


def low_turns_sentence(store: RunStore, run: int) -> str:
    """Return how many turns of a run are below a threshold, over all maxims; empty where that cannot be said."""
    analyzed = AnalyzedRun(store, store.run(run))
    total = low_total(analyzed, maxim_states(analyzed, maxim_sums(analyzed)))
    return "" if total is None else low_sentence(total, total.scope)


def different_groups(store: RunStore, run: int) -> tuple[GroupDifference, ...]:
    """Return the groups of a run's turns that differ beyond chance."""
    analyzed = AnalyzedRun(store, store.run(run))
    return where_different(analyzed, maxim_sums(analyzed), conversation_groups(store, run))


def change_since(store: RunStore, run: int) -> RunChange:
    """Return the change of a run since last time."""
    return run_change(AnalyzedRun(store, store.run(run)), conversation_groups(store, run))


def worst_turns(store: RunStore, run: int) -> list[Finding]:
    """Return the worst turns of a run below their threshold."""
    return worst_findings(AnalyzedRun(store, store.run(run)), TOP)


def next_steps(store: RunStore, run: int, findings: Sequence[Finding]) -> NextSteps:
    """Return the part of a run's story that people change as they work.

    Args:
        store: the run store.
        run: the run's number.
        findings: its worst turns.
    """
    analyzed = AnalyzedRun(store, store.run(run))
    themes, worst = run_themes(analyzed), tuple(stored_explanation(store, finding) for finding in findings)
    return NextSteps(themes, worst, suggested_actions(analyzed, themes, worst))


def state_figure(state: MaximState) -> str:
    """Return the number that says how good a run is on a maxim, in words."""
    if state.sample and state.mean is not None:
        if state.below is None:
            return f"mean {state.mean:.2f}, from {state.sample}"
        return f"{100 * state.below:.1f} %{_share_interval(state)} below {state.threshold:g}, from {state.sample}"
    if state.below is not None:
        n = round(state.below * state.scored)
        return f"{100 * state.below:.1f} % below {state.threshold:g}: {n:,} of {counted(state.scored, 'score')}"
    return "no score" if state.mean is None else f"mean {state.mean:.2f} of {counted(state.scored, 'score')}"


def state_note(state: MaximState) -> str:
    """Return what else is known of a run on a maxim: the mean where it is no figure yet, its interval, the trust."""
    if state.mean is None:
        return f"{state.mark.word}."
    mean = "" if state.below is None else f"mean {state.mean:.2f}, "
    interval = "" if state.interval is None else f"95 % interval {state.interval[0]:.2f} to {state.interval[1]:.2f}, "
    sorts = "" if state.mark.flags else ": these scores only sort"
    return f"{mean}{interval}{state.mark.word}{sorts}."


def _share_interval(state: MaximState) -> str:
    if state.below_interval is None:
        return ""
    low, high = state.below_interval
    return f" ({100 * low:.1f} to {100 * high:.1f} %)"


def verdict_sentence(change: RunChange) -> str:
    """Return the verdict since last time in one sentence; why there is none where nothing was compared."""
    if not change.maxims:
        return change.note
    sides = f"{one_line(change.after)} against {one_line(change.before)}"
    if not any(maxim.mark.flags for maxim in change.maxims):
        return f"There is no verdict: no score of this run may be acted on yet ({sides})."
    sentences = {
        "better": f"Better: {sides}.",
        "worse": f"Worse: {sides}.",
        "mixed": f"Better on one maxim and worse on another: {sides}.",
        "cannot tell": f"Nobody can tell whether it is better or worse: chance may explain the change ({sides}).",
    }
    return sentences[change.verdict or "cannot tell"]


def change_sentence(change: MaximChange) -> str:
    """Return the change on one maxim in one line."""
    low, high = change.interval or (None, None)
    interval = "" if low is None or high is None else f", 95 % interval {signed(low)} to {signed(high)}"
    verdict = change.verdict if change.mark.flags else change.mark.word
    scores = f"{change.before:.2f} → {change.after:.2f}"
    return f"{one_line(change.title)}: {scores} ({signed(change.shift)}{interval}): {verdict}"


def group_sentence(group: GroupDifference, title: str, *, counts: bool) -> str:
    """Return in one sentence how a group of turns differs from the remaining ones.

    Args:
        group: the group.
        title: the maxim's title.
        counts: whether scores may be held against the threshold.
    """
    names = {"source": "Source", "bot": "Bot", "day": "Day", "depth": "Turns"}
    direction = "lower" if group.difference < 0 else "higher"
    name = f"“{one_line(group.value)}”"
    if group.field == "depth":
        name = f"from {group.value[:-1]} on" if group.value.endswith("–") else group.value
    shares = f"; {100 * group.below:.0f} % against {100 * group.below_elsewhere:.0f} % below the threshold"
    return (
        f"{names[group.field]} {name}: {direction} on {one_line(title)}, mean {group.mean:.2f} against "
        f"{group.mean_elsewhere:.2f} elsewhere{shares if counts else ''} ({counted(group.turns, 'turn')})"
    )


def group_filter(group: GroupDifference, longest: int) -> dict[str, Any]:
    """Return the filter of the list that selects a group's turns.

    Args:
        group: the group.
        longest: the number of turns of the longest conversation of the run.
    """
    if group.field == "depth":
        first, _, last = group.value.partition("–")
        return {"turns": (int(first), min(int(last or longest), longest - 1))}
    if group.field == "day":
        day = date.fromisoformat(group.value)
        return {"since": day, "until": day}
    return {f"{group.field}s": [group.value]}
