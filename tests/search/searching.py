"""What tests of searches share: scripted searches, a guard against endless ones, and a driver over a function."""

from collections.abc import Callable

from convexplain.search.confirmation import Evaluate
from convexplain.search.driver import SearchOutcome, drive, run
from convexplain.search.ledger import Outcome
from convexplain.search.protocol import Edits, Hole, Infill, Search


def edited(*units: int, fill: str = "x") -> Edits:
    return tuple((unit, fill) for unit in units)


def asking(*asks) -> Search:
    """A search that asks just this, whatever it is told."""
    for ask in asks:  # noqa: UP028 - a tuple cannot be told anything
        yield ask


def guarded(search: Search, asks: list | None = None, most: int = 500) -> Search:
    """The search, with what it asks written down; one that goes on for ever ends in an error."""
    answer = None
    for _ in range(most):
        try:
            ask = search.send(answer)
        except StopIteration:
            return
        if asks is not None:
            asks.append(ask)
        answer = yield ask
    raise RuntimeError("the search does not end")


def plain_fill(hole: Hole) -> str | None:
    return f"fill{len(hole.avoid)}"


def solve(
    search: Search,
    g: Callable[[Edits], float | None],
    *,
    delta: float = 1.0,
    budget: int = 50,
    start: Outcome = Outcome(0.0),
    fill: Callable[[Hole], str | None] = plain_fill,
    again: Callable[[Edits], float | None] | None = None,
    asks: list | None = None,
    **options,
) -> SearchOutcome:
    """Drives a search over g, a function of the edits; `again` gives second measurements."""

    def evaluate(ask: Evaluate) -> list[Outcome]:
        measure = again or g if ask.fresh else g
        return [Outcome(measure(edits)) for edits in ask.candidates]

    driving = drive(lambda: guarded(search, asks), delta=delta, budget=budget, start=start, **options)
    return run(driving, lambda holes: [fill(hole) for hole in holes], evaluate)


def additive(*weights: float) -> Callable[[Edits], float]:
    """g as the sum of the weights of the edited units."""
    return lambda edits: sum(weights[unit] for unit, _ in edits)


def told(search: Search, g: Callable[[Edits], float | None], most: int) -> list:
    """The first asks of a search that is told g of everything, without a driver: nothing is free, nothing ends it."""
    asks: list = []
    answer = None
    for _ in range(most):
        try:
            ask = search.send(answer)
        except StopIteration:
            break
        asks.append(ask)
        answer = [plain_fill(x) for x in ask.holes] if isinstance(ask, Infill) else [g(e) for e in ask.candidates]
    return asks
