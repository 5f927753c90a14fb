"""Everything that a search measured: each candidate's draws, with their mean, and how far draws of one text vary."""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from .protocol import Edits

_ALIKE = 1e-9  # two texts' scores that are this near to each other are the same


@dataclass(frozen=True, slots=True)
class Outcome:
    """The measurement of one candidate.

    Attributes:
        score: g; None where none could be had.
        response: the answer of the explained model.
        note: why there is no score.
        calls: what it cost: 1, and more where further judgements were needed.
    """

    score: float | None
    response: str = ""
    note: str = ""
    calls: int = 1

    @property
    def clean(self) -> "Outcome":
        """The outcome; without its score where that is no number: it would win or lose every comparison."""
        if self.score is None or math.isfinite(self.score):
            return self
        return replace(self, score=None, note=self.note or f"the score is {self.score}")


@dataclass(frozen=True, slots=True)
class SearchStep:
    """One measurement of a search: how many edits the candidate has, and its score."""

    edits: int
    score: float | None


@dataclass(slots=True)
class Ledger:
    """The measurements of a search.

    Attributes:
        delta: g from which on a candidate is a contrast.
        budget: calls that there are.
        size: how many edits a candidate counts as having.
        distance: how far it is from the original text: of candidates that cross the nearest one is the best.
        outcomes: the first measurement of each candidate.
        draws: the scores of all measurements of each candidate.
        alike: for a candidate the scores of texts that mean the same, where they were asked for.
        trace: every measurement in order.
        reserve: measurements that are put aside for confirmation.
        beyond: how far beyond delta the search is to look, so that its contrast is not one of noise.
        refused: candidates that do not read well: they are no contrasts.
        attempts: how often each candidate was measured, without a score too.
        price: calls that the measurement of a candidate which reaches delta takes at most.
        spent: calls so far.
    """

    delta: float
    budget: int
    size: Callable[[Edits], int]
    distance: Callable[[Edits], float] = len
    outcomes: dict[Edits, Outcome] = field(default_factory=dict)
    draws: dict[Edits, list[float]] = field(default_factory=dict)
    alike: dict[Edits, list[float]] = field(default_factory=dict)
    trace: list[SearchStep] = field(default_factory=list)
    reserve: int = 0
    beyond: float = 0.0
    refused: set[Edits] = field(default_factory=set)
    attempts: Counter[Edits] = field(default_factory=Counter)
    price: int = 1
    spent: int = 0

    @property
    def unspent(self) -> int:
        """Calls that there are still, all together."""
        return self.budget - self.spent

    @property
    def remaining(self) -> int:
        """Measurements that these calls suffice for."""
        return self.unspent // self.price

    @property
    def available(self) -> int:
        """Candidates that the search may still have measured, if the last of them reaches delta."""
        return self.unspent - (self.reserve + 1) * self.price + 1

    def begin(self, start: Outcome) -> None:
        """Note the outcome of the unchanged text, which is no call."""
        self._keep((), start.clean)

    def add(self, edits: Edits, outcome: Outcome) -> Outcome:
        """Note a call, and return its outcome, cleaned."""
        outcome = outcome.clean
        self._keep(edits, outcome)
        self.trace.append(SearchStep(self.size(edits), outcome.score))
        self.spent += outcome.calls
        return outcome

    def _keep(self, edits: Edits, outcome: Outcome) -> None:
        self.attempts[edits] += 1
        self.outcomes.setdefault(edits, outcome)
        if outcome.score is not None:
            self.draws.setdefault(edits, []).append(outcome.score)

    def mean(self, edits: Edits) -> float | None:
        """Return the mean of the candidate's draws and of what means the same; None without any."""
        draws = [*self.draws.get(edits, ()), *self.alike.get(edits, ())]
        return sum(draws) / len(draws) if draws else None

    def count(self, edits: Edits) -> int:
        """Return how many draws that mean is of."""
        return len(self.draws.get(edits, ())) + len(self.alike.get(edits, ()))

    def answer(self, edits: Edits) -> float | None:
        """Return what the search is answered for the candidate."""
        mean = self.mean(edits)
        return None if mean is None else mean - self.beyond

    def crossing(self) -> list[Edits]:
        """Return the candidates whose mean crosses, the best first: the nearest, then the highest mean."""
        ranked = sorted(
            (self.distance(edits), -mean, edits)
            for edits, mean in self._means()
            if mean >= self.delta and edits not in self.refused
        )
        return [edits for _, _, edits in ranked]

    def best(self) -> Edits | None:
        """Return the best crossing candidate; without one the candidate of the highest mean."""
        if crossing := self.crossing():
            return crossing[0]
        best = max(((mean, -self.distance(edits), edits) for edits, mean in self._means()), default=None)
        return best[2] if best else None

    def by_mean(self) -> list[Edits]:
        """Return the candidates of the highest means first; of equal ones the nearest."""
        return [edits for _, _, edits in sorted((-mean, self.distance(edits), edits) for edits, mean in self._means())]

    def _means(self) -> Iterator[tuple[Edits, float]]:
        for edits in self.draws:
            mean = self.mean(edits)
            if edits and mean is not None:
                yield edits, mean

    def pooled(self) -> tuple[float, int]:
        """Return the standard deviation of measurements that mean the same, pooled, and its degrees of freedom.

        The first draw of a candidate is left out: for its sake it was chosen.
        """
        repeated = [draws[1:] for draws in self.draws.values() if len(draws) > 2]
        return pooled_deviation([*repeated, *(scores for scores in self.alike.values() if len(scores) > 1)])

    @property
    def tied(self) -> bool:
        """True where two different texts have the same score: harmless edits then do not move scores."""
        scores = sorted(draws[0] for draws in self.draws.values())
        return any(b - a <= _ALIKE * max(1.0, abs(a)) for a, b in itertools.pairwise(scores))


def pooled_deviation(samples: Sequence[Sequence[float]]) -> tuple[float, int]:
    """Return the standard deviation within samples, pooled, and its degrees of freedom; 0 and 0 without any."""
    squares, freedom = 0.0, 0
    for sample in filter(None, samples):
        mean = sum(sample) / len(sample)
        squares += sum((x - mean) ** 2 for x in sample)
        freedom += len(sample) - 1
    return (math.sqrt(squares / freedom), freedom) if freedom else (0.0, 0)
