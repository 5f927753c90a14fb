"""Runs any search: drops duplicates, counts calls, stops at the budget to the call, and keeps the best candidate.

The work is one generator that yields what is to be evaluated; `run` and `arun` are the thin loops that have it done,
the one with plain functions, the other with coroutines.
"""

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeVar

import numpy as np

from convexplain.errors import UsageError

from .confirmation import ALIKE_TEXTS, Confirmation, Evaluate, Proof
from .ledger import Ledger, Outcome, SearchStep
from .placebo import Layout, Placebo, placebo_edits
from .protocol import Edits, Hole, Infill, Propose, ReadsWell, Score, Search

Stopped = Literal["found", "budget", "searched", "no fills", "nothing to edit"]

_REPEATS = 20  # a search with so many requests in a row whose answers it was given before has nothing new to ask


@dataclass(frozen=True, slots=True)
class SearchOutcome:
    """The end of a search.

    Attributes:
        found: a candidate reached delta, and held where measurements vary.
        edits: the candidate that held; without one the crossing candidate that is nearest to the original text (with
            the fewest edits, unless the layout has another distance), of these the one with the highest score; without
            a crossing the candidate with the highest score; None when nothing could be scored.
        outcome: its first measurement.
        proof: its fresh draws, where draws vary; found says whether they held.
        placebo: how often edits elsewhere cross too; None where that was not measured.
        trace: every measurement in order.
        calls: how many there were, with the further judgements that some of them took.
        prompts: distinct candidates among them.
        infills: holes that were filled, and candidates that were proposed.
        failed: calls without a score.
        stopped: why it ended.
    """

    found: bool
    edits: Edits | None
    outcome: Outcome | None
    proof: Proof | None
    placebo: Placebo | None
    trace: tuple[SearchStep, ...]
    calls: int
    prompts: int
    infills: int
    failed: int
    stopped: Stopped


T = TypeVar("T")
SearchRun: TypeAlias = Generator[Infill | Evaluate | Propose | ReadsWell, Any, SearchOutcome]


def drive(
    search: Callable[[], Search],
    *,
    delta: float,
    budget: int,
    start: Outcome = Outcome(None),
    minimise: bool = True,
    repeats: int = 1,
    placebo: int = 0,
    passages: int = 0,
    rng: np.random.Generator | None = None,
    layout: Layout = Layout(),
    screens: bool = False,
    price: int = 1,
) -> SearchRun:
    """Run a search, asking for `Infill` (answered with fills) and `Evaluate` (answered with an Outcome a candidate).

    `Propose` and `ReadsWell` are asked for where the search does, `ReadsWell` also where `screens` is set.

    Args:
        search: begins the search; again, where the contrast of the first one did not hold and budget is left.
        delta: g from which on a candidate is a contrast.
        budget: measurements at most, those that are made again included.
        start: the outcome of the unchanged text; costs nothing.
        minimise: False ends the search at the first crossing that holds.
        repeats: 1 measures each candidate once. More: the unchanged text is measured three times, and where that varies
            a contrast has to hold in at least so many fresh draws.
        placebo: edits elsewhere that are measured for the contrast that was found, besides the budget.
        passages: how many passages editors may be asked about for these, where the search's proposals are too few.
        rng: the source of chance for their places.
        layout: where the units stand, and how many edits a candidate counts as having.
        screens: a candidate is a contrast only when it reads well.
        price: calls that a measurement takes at most, where the candidate reaches delta; 1 elsewhere.

    Raises:
        UsageError: budget, repeats or placebo are too small, or delta is no number.
    """
    for name, number, least in (("budget", budget, 1), ("repeats", repeats, 1), ("placebo", placebo, 0)):
        if number < least:
            raise UsageError(f"{name}={number} is not valid; it must be at least {least}")
    if not math.isfinite(delta):
        raise UsageError(f"delta={delta} is not valid; it must be a finite number")
    ledger = Ledger(delta, budget, layout.size, layout.distance or layout.size, price=price)
    ledger.begin(start)
    confirmation = Confirmation(ledger, max(2, repeats) if repeats > 1 else ALIKE_TEXTS, layout, screens=screens)
    run = _Run(search, ledger, confirmation, minimise)
    if repeats > 1:
        yield from run.confirmation.probe()
    stopped = yield from run.to_its_end()
    held = run.confirmation.held
    chosen = held or ledger.best()
    rate = None
    if held and placebo:
        rate = yield from _placebo(held, run, passages, placebo, rng or np.random.default_rng(0))
    return SearchOutcome(
        found=held is not None,
        edits=chosen,
        outcome=ledger.outcomes[chosen] if chosen else None,
        proof=run.confirmation.tested.get(chosen) if chosen else None,
        placebo=rate,
        trace=tuple(ledger.trace),
        calls=ledger.spent,
        prompts=len(ledger.outcomes) - 1,
        infills=run.infills,
        failed=sum(step.score is None for step in ledger.trace),
        stopped="found" if held else stopped,
    )


def _placebo(
    held: Edits, run: "_Run", passages: int, draws: int, rng: np.random.Generator
) -> Generator[Evaluate | Propose, Any, Placebo | None]:
    """Measure edits elsewhere; editors are asked about passages without a proposal so far where there are too few."""
    confirmation = run.confirmation
    sets = placebo_edits(held, confirmation.fills, confirmation.layout, draws, rng)
    new = [passage for passage in range(passages) if passage not in run.proposed][: draws - len(sets)]
    if new:
        run.rounds.clear()
        yield from run.proposals(Propose(tuple(new)))
        sets = placebo_edits(held, confirmation.fills, confirmation.layout, draws, rng)
    if not sets:
        return None
    counts = [confirmation.ledger.attempts[edits] for edits in sets]
    outcomes: list[Outcome] = yield Evaluate(tuple(sets), tuple(counts), fresh=True)
    scores = [outcome.clean.score for outcome in outcomes]
    delta = confirmation.ledger.delta
    return Placebo(sum(g is not None for g in scores), sum(g is not None and g >= delta for g in scores))


@dataclass(slots=True)
class _Run:
    """A search that is begun again as long as its contrasts do not hold.

    Attributes:
        fills: the answers to requests for fills that were made already.
        proposed: for each passage the candidates that editors proposed, round by round.
        rounds: for each passage how often the present search has asked for proposals.
        infills: holes that were filled, and those candidates.
    """

    search: Callable[[], Search]
    ledger: Ledger
    confirmation: Confirmation
    minimise: bool
    fills: dict[Hole, str | None] = field(default_factory=dict)
    proposed: dict[int, list[tuple[Edits, ...]]] = field(default_factory=dict)
    rounds: Counter[int] = field(default_factory=Counter)

    @property
    def infills(self) -> int:
        proposed = sum(len(candidates) for rounds in self.proposed.values() for candidates in rounds)
        return sum(fill is not None for fill in self.fills.values()) + proposed

    def to_its_end(self) -> Generator[Infill | Evaluate | Propose | ReadsWell, Any, Stopped]:
        """Search and test in turn, until a contrast holds that is small enough or the budget is spent."""
        while True:
            calls, tests = len(self.ledger.trace), len(self.confirmation.tested)
            self.confirmation.put_aside()
            self.rounds.clear()
            stopped = yield from self._serve(self.search())
            yield from self.confirmation.settle()
            idle = len(self.ledger.trace) == calls and len(self.confirmation.tested) == tests
            if idle or self.ledger.remaining <= 0 or self.confirmation.done(self.minimise):
                return stopped
            if not self.confirmation.tested and stopped != "budget":
                return stopped

    def _serve(self, search: Search) -> Generator[Infill | Evaluate | Propose | ReadsWell, Any, Stopped]:
        """Answer the search until it ends, the budget is spent, or it has a contrast that is good enough."""
        answer: list[Any] | None = None
        idle = 0  # requests in a row with no new candidate
        limit = _REPEATS + len(self.ledger.trace)
        while True:
            self.ledger.reserve = self.confirmation.reserve()
            try:
                request = search.send(answer)
            except StopIteration:
                none: Stopped = "no fills" if self.fills or self.proposed else "nothing to edit"
                return "searched" if len(self.ledger.outcomes) > 1 else none
            if isinstance(request, Infill):
                answer = yield from self._fills(request)
                continue
            if isinstance(request, Propose):
                answer = yield from self.proposals(request)
                continue
            if isinstance(request, ReadsWell):
                answer = yield from self.confirmation.screen(request.candidates)
                continue
            calls = len(self.ledger.trace)
            answer = yield from self._scores(request)
            idle = idle + 1 if len(self.ledger.trace) == calls else 0
            if not self.minimise:
                yield from self.confirmation.settle()
            self.ledger.reserve = self.confirmation.reserve()
            done = self.confirmation.held and not self.minimise
            if self.ledger.available <= 0 or idle > limit or done:
                search.close()
                return "budget" if self.ledger.available <= 0 else "searched"

    def _fills(self, request: Infill) -> Generator[Infill, Any, list[str | None]]:
        new = tuple(hole for hole in dict.fromkeys(request.holes) if hole not in self.fills)
        if new:
            self.fills |= zip(new, (yield Infill(new)), strict=True)
        fills = [self.fills[hole] for hole in request.holes]
        plain = ((hole.unit, fill) for hole, fill in zip(request.holes, fills, strict=True) if not hole.edits)
        for unit, fill in plain:
            if fill is not None:
                self.confirmation.fills.setdefault(unit, fill)
        return fills

    def proposals(self, request: Propose) -> Generator[Propose, Any, list[tuple[Edits, ...]]]:
        """Answer a request for proposals; a search that is begun again gets those first that were there before."""
        rounds = [self.rounds[passage] for passage in request.passages]
        new = tuple(p for p, i in zip(request.passages, rounds, strict=True) if i >= len(self.proposed.get(p, ())))
        if new:
            answer: list[tuple[Edits, ...]] = yield Propose(new)
            for passage, candidates in zip(new, answer, strict=True):
                self.proposed.setdefault(passage, []).append(candidates)
        self.rounds.update(request.passages)
        proposals = [self.proposed[passage][i] for passage, i in zip(request.passages, rounds, strict=True)]
        for unit, fill in (edit for passage in proposals for edits in passage for edit in edits):
            self.confirmation.fills.setdefault(unit, fill)
        return proposals

    def _scores(self, request: Score) -> Generator[Evaluate, Any, list[float | None]]:
        ledger = self.ledger
        unmeasured = (edits for edits in dict.fromkeys(request.candidates) if edits not in ledger.outcomes)
        new = list(unmeasured)[: max(0, ledger.available)]
        if new:
            outcomes = yield Evaluate(tuple(new), (0,) * len(new), spare=ledger.available + ledger.price - 1 - len(new))
            for edits, outcome in zip(new, outcomes, strict=True):
                ledger.add(edits, outcome)
        return [ledger.answer(edits) for edits in request.candidates]


Fills: TypeAlias = Sequence[str | None]


Proposals: TypeAlias = Sequence[Sequence[Edits]]


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
    propose: Callable[[Sequence[int]], Awaitable[Proposals]] | None = None,
    screen: Callable[[Sequence[Edits]], Awaitable[Sequence[bool]]] | None = None,
) -> SearchOutcome:
    """Run a driven search as `run` does, with coroutines.

    Args:
        steps: the driven search.
        infill: fills holes.
        evaluate: gives an Outcome a candidate.
        propose: gives new candidates for each passage; needed by searches over proposals.
        screen: says which candidates read well; all do unless given.
    """
    answer: Any = None
    while True:
        try:
            request = steps.send(answer)
        except StopIteration as end:
            outcome: SearchOutcome = end.value
            return outcome
        if isinstance(request, Infill):
            answer = await infill(request.holes)
        elif isinstance(request, Propose):
            if propose is None:
                raise UsageError("this search needs editors, which propose texts; here there are none")
            answer = [tuple(candidates) for candidates in await propose(request.passages)]
        elif isinstance(request, ReadsWell):
            answer = [True for _ in request.candidates] if screen is None else await screen(request.candidates)
        else:
            answer = await evaluate(request)


def at_once(work: Coroutine[Any, Any, T]) -> T:
    """Return the result of a coroutine that never waits, with no event loop."""
    try:
        work.send(None)
    except StopIteration as end:
        result: T = end.value
        return result
    raise RuntimeError("a coroutine that was meant not to wait does")
