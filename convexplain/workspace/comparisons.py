"""Two runs of a store, compared on the turns that both have judged, else by their averages."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from convexplain.analysis.averages import AverageComparison, compare_averages
from convexplain.analysis.comparison import Comparison, Shift, compare, difference_noise, shifts_beyond_noise
from convexplain.errors import UsageError
from convexplain.explain.measurement import ASSUMED_NOISE
from convexplain.report.trust_marks import TrustMark, trust_mark
from convexplain.store import Run, RunStore, run_rubrics
from convexplain.store.paired_scores import paired_scores, run_scores
from convexplain.types import Rubric, RubricScope

from .results import data_frame
from .scales import run_noise_floor
from .trust import Trust, run_trust

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
    """

    rubric: str
    title: str
    threshold: float
    reworded: bool
    change: Comparison | None
    noise: float
    noise_assumed: bool
    falls: tuple[Shift, ...]
    rises: tuple[Shift, ...]
    fell: int
    rose: int
    paired: int
    averages: AverageComparison | None
    trust: tuple[Trust, Trust]

    @property
    def marks(self) -> tuple[TrustMark, TrustMark]:
        """Return how the trust in the judges of the two runs is shown."""
        first, second = self.trust
        return trust_mark(first), trust_mark(second)

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values, without counts below a threshold that prove nothing."""
        shifts = {name: [shift.to_dict() for shift in getattr(self, name)] for name in ("falls", "rises")}
        body = {**asdict(self), **shifts, "trust": [trust.to_dict() for trust in self.trust]}
        if not all(mark.flags for mark in self.marks):
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

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison as JSON values."""
        return {
            "first": self.first.id,
            "second": self.second.id,
            "maxims": [maxim.to_dict() for maxim in self.maxims],
            "only_first": list(self.only_first),
            "only_second": list(self.only_second),
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


def compare_runs(store: RunStore, first: Run, second: Run, turns: int) -> RunComparison:
    """Return what changed from the first run to the second.

    Args:
        store: the store.
        first, second: the runs.
        turns: how many of the turns that fell and rose most are named for each maxim.

    Raises:
        UsageError: they are the same run, or have no maxim in common.
    """
    if first.id == second.id:
        raise UsageError(f"both are run {first.id}: name two runs")
    rubrics, later = ({rubric.id: rubric for rubric in run_rubrics(store, run.id)} for run in (first, second))
    only_first, only_second = (
        tuple(name for name in rubrics if name not in later),
        tuple(name for name in later if name not in rubrics),
    )
    maxims = tuple(
        _compared(store, (first, rubric), (second, later[name]), turns)
        for name, rubric in rubrics.items()
        if name in later
    )
    if not maxims:
        raise UsageError(
            f"runs {first.id} and {second.id} have no maxim in common: the first has {_names(only_first)}, the second "
            f"{_names(only_second)}"
        )
    return RunComparison(first, second, maxims, only_first, only_second)


def _names(rubrics: Sequence[str]) -> str:
    return ", ".join(rubrics) or "none"


def _compared(store: RunStore, first: tuple[Run, Rubric], second: tuple[Run, Rubric], turns: int) -> MaximComparison:
    (run, rubric), (later, later_rubric) = first, second
    scope: RubricScope = "conversation" if rubric.of_conversation and later_rubric.of_conversation else "turn"
    paired = paired_scores(store, run.id, rubric.sha, later.id, later_rubric.sha, scope)
    floors = [run_noise_floor(store, run, rubric), run_noise_floor(store, later, later_rubric)]
    noise = difference_noise(*(ASSUMED_NOISE if floor is None else floor for floor in floors))
    (falls, fell), (rises, rose) = shifts_beyond_noise(store, paired, noise, turns)
    change, averages = compare(paired, later_rubric.threshold), None
    if change is None:
        averages = compare_averages(
            run_scores(store, run.id, rubric.sha),
            run_scores(store, later.id, later_rubric.sha),
            later_rubric.threshold,
        )
    return MaximComparison(
        rubric=rubric.id,
        title=rubric.title,
        threshold=later_rubric.threshold,
        reworded=rubric.sha != later_rubric.sha,
        change=change,
        noise=noise,
        noise_assumed=None in floors,
        falls=tuple(falls),
        rises=tuple(rises),
        fell=fell,
        rose=rose,
        paired=len(paired.turns),
        averages=averages,
        trust=(run_trust(store, run, [rubric], {})[rubric.id], run_trust(store, later, [later_rubric], {})[rubric.id]),
    )
