"""Runs any search: drops duplicates, counts calls, stops at the budget to the call, and keeps the best candidate.

The work is one generator that yields what is to be evaluated; `run` and `arun` are the thin loops that have it done,
the one with plain functions, the other with coroutines.
"""

import math
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

from convexplain.errors import UsageError

from .protocol import Edits, Hole, Infill, Score, Search

Stopped = Literal["found", "budget", "searched", "no fills", "nothing to edit"]

_REPEATS = 20  # a search with so many requests in a row whose answers it was given before has nothing new to ask


@dataclass(frozen=True, slots=True)
class Outcome:
    """The measurement of one candidate.

    Attributes:
        score: g; None where none could be had.
        response: the answer of the explained model.
        note: why there is no score.
    """

    score: float | None
    response: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Candidates to be evaluated at once; with `fresh`, measured again though they were measured before."""

    candidates: tuple[Edits, ...]
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class SearchStep:
    """One call of a search: how many edits the candidate has, and its score."""

    edits: int
    score: float | None


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """The end of a search.

    Attributes:
        found: a candidate reached delta (and was confirmed, where that was asked for).
        edits: the crossing candidate with the fewest edits, of these the one with the highest score; without a crossing
            the candidate with the highest score; None when nothing could be scored.
        outcome: its first measurement.
        confirmation: its second, where one was made; found is False when that does not cross.
        trace: every call in order.
        calls: how many there were.
        prompts: distinct candidates among them: calls less second measurements.
        infills: holes that were filled.
        failed: calls without a score.
        stopped: why it ended.
    """

    found: bool
    edits: Edits | None
    outcome: Outcome | None
    confirmation: Outcome | None
    trace: tuple[SearchStep, ...]
    calls: int
    prompts: int
    infills: int
    failed: int
    stopped: Stopped


T = TypeVar("T")
SearchRun: TypeAlias = Generator[Infill | Evaluate, Any, SearchOutcome]


@dataclass(slots=True)
class _Ledger:
    """Everything that was measured."""

    delta: float
    budget: int
    outcomes: dict[Edits, Outcome]
    confirm: int
    size: Callable[[Edits], int]
    confirmations: dict[Edits, Outcome] = field(default_factory=dict)
    trace: list[SearchStep] = field(default_factory=list)
    holes: int = 0
    infills: int = 0

    @property
    def remaining(self) -> int:
        return self.budget - len(self.trace)

    def add(self, edits: Edits, outcome: Outcome) -> None:
        self.outcomes.setdefault(edits, outcome)
        self.trace.append(SearchStep(self.size(edits), outcome.score))

    def score(self, edits: Edits) -> float | None:
        outcome = self.outcomes.get(edits)
        return outcome.score if outcome else None

    def crossing(self) -> list[Edits]:
        """Return the crossing candidates, the best first."""
        ranked = sorted((self.size(edits), -score, edits) for edits, score in self._scored() if score >= self.delta)
        return [edits for _, _, edits in ranked]

    def best_unconfirmed(self) -> Edits | None:
        """Return the best crossing candidate, confirmed or not; without one the candidate of the highest score."""
        if crossing := self.crossing():
            return crossing[0]
        best = max(((score, -self.size(edits), edits) for edits, score in self._scored()), default=None)
        return best[2] if best else None

    def _scored(self) -> list[tuple[Edits, float]]:
        return [(e, o.score) for e, o in self.outcomes.items() if e and o.score is not None]


def drive(
    search: Search,
    *,
    delta: float,
    budget: int,
    start: Outcome = Outcome(None),
    minimise: bool = True,
    confirm: int = 0,
    size: Callable[[Edits], int] = len,
) -> SearchRun:
    """Run a search, asking for `Infill` (answered with fills) and `Evaluate` (answered with an Outcome a candidate).

    Args:
        search: the search.
        delta: g from which on a candidate is a contrast.
        budget: candidates that are evaluated at most, second measurements included.
        start: the outcome of the unchanged text; costs nothing.
        minimise: False ends the search at the first crossing (that is confirmed, where that is asked for).
        confirm: measure the best crossing candidate a second time, and when that does not cross the next best, at most
            so many; a tenth of the budget, and no more than that many calls, is put aside for it.
        size: how many edits a candidate counts as having.

    Raises:
        UsageError: the budget is less than 1, or delta is no number.
    """
    if budget < 1:
        raise UsageError(f"budget={budget} is not valid; it must be at least 1")
    if not math.isfinite(delta):
        raise UsageError(f"delta={delta} is not valid; it must be a finite number")
    reserve = min(confirm, max(1, budget // 10), budget - 1)
    ledger = _Ledger(delta, budget - reserve, {(): _clean(start)}, confirm, size)
    stopped = yield from _serve(search, ledger, minimise)
    ledger.budget = budget
    best = yield from _best(ledger)
    chosen = best or ledger.best_unconfirmed()
    return SearchOutcome(
        found=best is not None,
        edits=chosen,
        outcome=ledger.outcomes[chosen] if chosen else None,
        confirmation=ledger.confirmations.get(chosen) if chosen else None,
        trace=tuple(ledger.trace),
        calls=len(ledger.trace),
        prompts=len(ledger.outcomes) - 1,
        infills=ledger.infills,
        failed=sum(step.score is None for step in ledger.trace),
        stopped="found" if best else stopped,
    )


def _serve(search: Search, ledger: _Ledger, minimise: bool) -> Generator[Infill | Evaluate, Any, Stopped]:
    """Answers the search until it ends, the budget is spent, or it has a contrast that is good enough."""
    answer: list[Any] | None = None
    repeats = 0  # requests in a row with no new candidate
    while True:
        try:
            request = search.send(answer)  # type: ignore[arg-type]
        except StopIteration:
            return "searched" if ledger.trace else "no fills" if ledger.holes else "nothing to edit"
        if isinstance(request, Infill):
            fills: list[str | None] = list((yield request)) if request.holes else []
            ledger.holes += len(request.holes)
            ledger.infills += sum(fill is not None for fill in fills)
            answer = fills
            continue
        calls = len(ledger.trace)
        answer = yield from _scores(request, ledger)
        repeats = repeats + 1 if len(ledger.trace) == calls else 0
        if ledger.remaining <= 0 or repeats > _REPEATS or (not minimise and (yield from _best(ledger))):
            search.close()
            return "budget" if ledger.remaining <= 0 else "searched"


def _scores(request: Score, ledger: _Ledger) -> Generator[Evaluate, Any, list[float | None]]:
    new = [edits for edits in dict.fromkeys(request.candidates) if edits not in ledger.outcomes][: ledger.remaining]
    if new:
        outcomes = yield Evaluate(tuple(new))
        for edits, outcome in zip(new, outcomes, strict=True):
            ledger.add(edits, _clean(outcome))
    return [ledger.score(edits) for edits in request.candidates]


def _best(ledger: _Ledger) -> Generator[Evaluate, Any, Edits | None]:
    """The best crossing candidate, confirmed where that is asked for; None where there is none."""
    for edits in ledger.crossing():
        if not ledger.confirm:
            return edits
        if edits not in ledger.confirmations:
            if len(ledger.confirmations) >= ledger.confirm or len(ledger.trace) >= ledger.budget:
                return None
            (outcome,) = yield Evaluate((edits,), fresh=True)
            ledger.confirmations[edits] = _clean(outcome)
            ledger.trace.append(SearchStep(ledger.size(edits), ledger.confirmations[edits].score))
        again = ledger.confirmations[edits].score
        if again is not None and again >= ledger.delta:
            return edits
    return None


def _clean(outcome: Outcome) -> Outcome:
    """NaN is no score: it would win or lose every comparison."""
    if outcome.score is None or math.isfinite(outcome.score):
        return outcome
    return Outcome(None, outcome.response, outcome.note or f"the score is {outcome.score}")


Fills: TypeAlias = Sequence[str | None]


def run(
    steps: SearchRun, infill: Callable[[Sequence[Hole]], Fills], evaluate: Callable[[Evaluate], Any]
) -> SearchOutcome:
    """Run a driven search with plain functions: `infill` fills holes, `evaluate` gives an Outcome a candidate."""

    async def infill_async(holes: Sequence[Hole]) -> Fills:
        return infill(holes)

    async def evaluate_async(request: Evaluate) -> Any:
        return evaluate(request)

    return at_once(arun(steps, infill_async, evaluate_async))


async def arun(
    steps: SearchRun,
    infill: Callable[[Sequence[Hole]], Awaitable[Fills]],
    evaluate: Callable[[Evaluate], Awaitable[Any]],
) -> SearchOutcome:
    """Run a driven search as `run` does, with coroutines."""
    answer: Any = None
    while True:
        try:
            request = steps.send(answer)
        except StopIteration as end:
            outcome: SearchOutcome = end.value
            return outcome
        answer = await infill(request.holes) if isinstance(request, Infill) else await evaluate(request)


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that never waits, with no event loop."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("a coroutine that was meant not to wait does")
