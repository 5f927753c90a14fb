"""Two runs of a store, compared on the turns that both have judged, else by their averages."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from convexplain.analysis.averages import AverageComparison, compare_averages
from convexplain.analysis.change_verdicts import ChangeVerdict, RunShift, change_verdict, overall, shift_of
from convexplain.analysis.comparison import Comparison, Direction, compare, difference_noise, moved_turns
from convexplain.analysis.verdicts import verdicts
from convexplain.errors import UsageError
from convexplain.explain.measurement import ASSUMED_NOISE
from convexplain.report.trust_marks import NO_BETTER, TrustMark, trust_mark
from convexplain.store import Run, RunStore, run_rubrics
from convexplain.store.paired_scores import PairedScores, paired_scores, run_scores
from convexplain.store.samples import run_sample
from convexplain.types import Rubric, RubricScope

from .changed_turns import ChangedTurn, ChangedTurns, changed_turns
from .results import data_frame
from .scales import run_noise_floor
from .trust import Trust, run_trust

_PENDING = ChangeVerdict("cannot tell", why="the other maxims are not compared yet")
_COUNTS = {"fell", "rose", "kappa", "below_before", "below_after"}  # that hold scores against the threshold


@dataclass(frozen=True, slots=True)
class MaximComparison:
    """The change from one run to another on one maxim.

    Attributes:
        rubric, title, threshold: of the maxim; the threshold is the second run's.
        reworded: the maxim's wording or threshold differs between the runs.
        change: counts, means and the mean difference with its 95 % interval over conversations; None where no turn was
            scored by both runs.
        noise: by how much the scores of one turn may differ by the judges' noise alone, in [0, 1].
        noise_assumed: the noise floor of a judge was not measured; 0.1 stands for it.
        falls, rises: the turns that fell and rose most, of those that moved by more than the noise.
        fell, rose: how many turns fell and rose by more than the noise.
        paired: how many turns both runs have judged; 0 where they have no conversation in common.
        averages: the runs' averages as two independent samples, where no turn was scored by both; else None, as where
            one of the runs has no score.
        trust: in the judge of the first and of the second run.
        verdict: what the change says; its probability is corrected for all maxims of the comparison.
    """

    rubric: str
    title: str
    threshold: float
    reworded: bool
    change: Comparison | None
    noise: float
    noise_assumed: bool
    falls: tuple[ChangedTurn, ...]
    rises: tuple[ChangedTurn, ...]
    fell: int
    rose: int
    paired: int
    averages: AverageComparison | None
    trust: tuple[Trust, Trust]
    verdict: ChangeVerdict

    @property
    def marks(self) -> tuple[TrustMark, TrustMark]:
        """Return how the trust in the judges of the two runs is shown."""
        first, second = self.trust
        return trust_mark(first), trust_mark(second)

    @property
    def flags(self) -> bool:
        """Return whether the scores of both runs may be held against the threshold."""
        return all(mark.flags for mark in self.marks)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values, without counts below a threshold that prove nothing."""
        body: dict[str, Any] = {
            "rubric": self.rubric,
            "title": self.title,
            "verdict": self.verdict.to_dict(),
            "threshold": self.threshold,
            "reworded": self.reworded,
            "change": None if self.change is None else self.change.to_dict(),
            "noise": self.noise,
            "noise_assumed": self.noise_assumed,
            "falls": [turn.to_dict() for turn in self.falls],
            "rises": [turn.to_dict() for turn in self.rises],
            "fell": self.fell,
            "rose": self.rose,
            "paired": self.paired,
            "averages": None if self.averages is None else self.averages.to_dict(),
            "trust": [trust.to_dict() for trust in self.trust],
        }
        if not self.flags:
            for part in (body["change"], body["averages"]):
                if part is not None:
                    part.update(dict.fromkeys(_COUNTS & part.keys()))
        return body


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Two runs, compared.

    Attributes:
        first, second: the runs; differences are second − first.
        maxims: those of both runs.
        only_first, only_second: ids of maxims that only one of them has.
    """

    first: Run
    second: Run
    maxims: tuple[MaximComparison, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """Return in a sentence or two whether the chats got better or worse, over all maxims."""
        return overall(
            {maxim.rubric: maxim.verdict for maxim in self.maxims},
            {maxim.rubric: (maxim.fell, maxim.rose) for maxim in self.maxims},
        )

    @property
    def samples(self) -> tuple[str, ...]:
        """Return a sentence for each run that has judged a sample."""
        return sample_sentences(self.first, self.second)

    def verdict(self, rubric: str) -> ChangeVerdict:
        """Return the verdict on a maxim.

        Raises:
            UsageError: the comparison does not have it.
        """
        by_rubric = {maxim.rubric: maxim.verdict for maxim in self.maxims}
        if rubric not in by_rubric:
            raise UsageError(
                f"{rubric!r} is not a maxim of both runs {self.first.id} and {self.second.id}; these are "
                f"{', '.join(by_rubric)}"
            )
        return by_rubric[rubric]

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        return {
            "first": self.first.id,
            "second": self.second.id,
            "sentence": self.sentence,
            "maxims": [maxim.to_dict() for maxim in self.maxims],
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
            "samples": list(self.samples),
        }

    def to_pandas(self) -> Any:
        """Return a pandas DataFrame with a row for each maxim.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return data_frame(self._rows())

    def _rows(self) -> Iterator[dict[str, Any]]:
        for maxim in self.maxims:
            change = maxim.change or maxim.averages
            low, high = (None, None) if change is None or change.interval is None else change.interval
            yield {
                "rubric": maxim.rubric,
                "verdict": maxim.verdict.outcome,
                "turns": 0 if maxim.change is None else maxim.change.turns,
                "before": None if change is None else change.before,
                "after": None if change is None else change.after,
                "shift": None if change is None else change.shift,
                "low": low,
                "high": high,
                "noise": maxim.noise,
                "fell": maxim.fell,
                "rose": maxim.rose,
                "trust": " → ".join(dict.fromkeys(mark.word for mark in maxim.marks)),
            }


def sample_sentences(*runs: Run) -> tuple[str, ...]:
    """Return a sentence for each run that has judged a sample; compared are then the turns that were sampled."""
    designs = {run.id: run_sample(run) for run in runs}
    return tuple(
        f"Run {number} has judged {design.words()}; only sampled turns are compared."
        for number, design in designs.items()
        if design is not None
    )


def compare_runs(store: RunStore, first: Run, second: Run, turns: int) -> RunComparison:
    """Return what changed from the first run to the second.

    Args:
        store: the store.
        first, second: the runs.
        turns: how many of the turns that fell and rose most are named for each maxim.

    Raises:
        UsageError: they are the same run, or have no maxim in common.
    """
    rubrics, later = _rubrics(store, first, second)
    only_first, only_second = (
        tuple(name for name in rubrics if name not in later),
        tuple(name for name in later if name not in rubrics),
    )
    shared = [(rubric, later[name]) for name, rubric in rubrics.items() if name in later]
    maxims = [_compared(store, (first, second), pair, turns) for pair in shared]
    if not maxims:
        raise UsageError(
            f"runs {first.id} and {second.id} have no maxim in common: the first has {_names(only_first)}, the second "
            f"{_names(only_second)}"
        )
    obstacles = [
        _obstacle((first, second), pair, maxim.marks, _same_texts(maxim))
        for pair, maxim in zip(shared, maxims, strict=True)
    ]
    return RunComparison(first, second, tuple(_judged(maxims, obstacles)), only_first, only_second)


def list_changed_turns(
    store: RunStore,
    first: Run,
    second: Run,
    rubric: str,
    direction: Direction,
    limit: int,
    offset: int,
    place: tuple[int, int] | None,
) -> ChangedTurns:
    """Return a page of the turns whose scores moved by more than the judges' noise, the largest movement first.

    Args:
        store: the store.
        first, second: the runs.
        rubric: the maxim's id.
        direction: `fell`, `rose`, or `all`.
        limit, offset: which part of the list.
        place: only this turn, however far it moved: the conversation's number in the first run, and the turn's index.

    Raises:
        UsageError: they are the same run, or one of them has not judged by the maxim.
    """
    rubrics, later = _rubrics(store, first, second)
    if rubric not in rubrics or rubric not in later:
        both = _names([name for name in rubrics if name in later])
        raise UsageError(f"rubric={rubric!r} is not a maxim of both runs {first.id} and {second.id}; these are {both}")
    runs, pair = (first, second), (rubrics[rubric], later[rubric])
    paired = _paired(store, runs, pair)
    if place is None:
        positions = moved_turns(paired, direction, _noise(store, runs, pair)[0])
    else:
        positions = np.flatnonzero((paired.numbers == place[0]) & (paired.turns == place[1]))
    return ChangedTurns(changed_turns(store, runs, pair, paired, positions[offset : offset + limit]), len(positions))


def _rubrics(store: RunStore, first: Run, second: Run) -> tuple[dict[str, Rubric], dict[str, Rubric]]:
    if first.id == second.id:
        raise UsageError(f"both are run {first.id}: name two runs")
    before, after = ({rubric.id: rubric for rubric in run_rubrics(store, run.id)} for run in (first, second))
    return before, after


def _names(rubrics: Sequence[str]) -> str:
    return ", ".join(rubrics) or "none"


def _judged(maxims: Sequence[MaximComparison], obstacles: Sequence[str]) -> Iterator[MaximComparison]:
    """Yield comparisons with their verdicts; those that can be compared are tested together."""
    shifts = [_shift(maxim) for maxim in maxims]
    tested = {
        i: shift.change
        for i, (shift, obstacle) in enumerate(zip(shifts, obstacles, strict=True))
        if shift is not None and shift.tested and not obstacle
    }
    outcomes = dict(zip(tested, verdicts(list(tested.values())), strict=True))
    for i, (maxim, shift, obstacle) in enumerate(zip(maxims, shifts, obstacles, strict=True)):
        outcome, same_texts = outcomes.get(i, "cannot tell"), _same_texts(maxim)
        judged = change_verdict(
            shift, outcome, len(tested), obstacle=obstacle, same_texts=same_texts, trusted=maxim.flags
        )
        yield replace(maxim, verdict=judged)


def _shift(maxim: MaximComparison) -> RunShift | None:
    compared = maxim.change or maxim.averages
    return None if compared is None else shift_of(compared, maxim.noise)


def _same_texts(maxim: MaximComparison) -> bool:
    return maxim.change is not None and maxim.change.same_texts


def _obstacle(
    runs: tuple[Run, Run], rubrics: tuple[Rubric, Rubric], marks: Sequence[TrustMark], same_texts: bool
) -> str:
    """Return why a change would say nothing about the chats; empty where nothing stands in the way."""
    if any(mark.word == NO_BETTER for mark in marks):
        return "the judge is no better than chance here, so its scores say nothing about a change"
    if same_texts:
        return ""
    if replace(rubrics[0], threshold=rubrics[1].threshold).sha != rubrics[1].sha:
        return "the wording of the maxim differs between the runs, so a change may come from it"
    if _judge(runs[0], rubrics[0]) != _judge(runs[1], rubrics[1]):
        return "another judge gave the scores of the second run, so a change may come from it"
    return ""


def _judge(run: Run, rubric: Rubric) -> tuple[Any, ...]:
    """Return what the scores of a run on a maxim depend on, besides the texts and the maxim's wording."""
    calibrated: Mapping[str, Any] = run.settings.get("calibrated", {})
    scales = {judge: maxims.get(rubric.id) for judge, maxims in calibrated.items()}
    return run.fingerprint, run.settings.get("samples"), scales


def _paired(store: RunStore, runs: tuple[Run, Run], rubrics: tuple[Rubric, Rubric]) -> PairedScores:
    scope: RubricScope = "conversation" if all(rubric.of_conversation for rubric in rubrics) else "turn"
    return paired_scores(store, runs[0].id, rubrics[0].sha, runs[1].id, rubrics[1].sha, scope)


def _noise(store: RunStore, runs: tuple[Run, Run], rubrics: tuple[Rubric, Rubric]) -> tuple[float, bool]:
    """Return by how much two scores of a turn may differ by noise alone, and whether that is in part assumed."""
    floors = [run_noise_floor(store, run, rubric) for run, rubric in zip(runs, rubrics, strict=True)]
    return difference_noise(*(ASSUMED_NOISE if floor is None else floor for floor in floors)), None in floors


def _compared(store: RunStore, runs: tuple[Run, Run], rubrics: tuple[Rubric, Rubric], turns: int) -> MaximComparison:
    rubric, later = rubrics
    paired = _paired(store, runs, rubrics)
    noise, assumed = _noise(store, runs, rubrics)
    falls, rises = moved_turns(paired, "fell", noise), moved_turns(paired, "rose", noise)
    change, averages = compare(paired, later.threshold), None
    if change is None:
        samples = [run_scores(store, run.id, maxim.sha) for run, maxim in zip(runs, rubrics, strict=True)]
        averages = compare_averages(samples[0], samples[1], later.threshold)
    trust = [run_trust(store, run, [maxim], {})[maxim.id] for run, maxim in zip(runs, rubrics, strict=True)]
    return MaximComparison(
        rubric=rubric.id,
        title=rubric.title,
        threshold=later.threshold,
        reworded=rubric.sha != later.sha,
        change=change,
        noise=noise,
        noise_assumed=assumed,
        falls=changed_turns(store, runs, rubrics, paired, falls[:turns]),
        rises=changed_turns(store, runs, rubrics, paired, rises[:turns]),
        fell=len(falls),
        rose=len(rises),
        paired=len(paired.turns),
        averages=averages,
        trust=(trust[0], trust[1]),
        verdict=_PENDING,
    )
