"""A contrast search over plain text with functions that are handed in: the text's units, the run, the result."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias, TypedDict, Unpack

from convexplain.errors import UsageError
from convexplain.fidelity.edits import edit_distance, edit_rate
from convexplain.models.infilling import Masked
from convexplain.types import Edit, Turn, Unit

from .confirmation import Evaluate, Proof
from .driver import SearchOutcome, Stopped, arun, at_once, drive
from .editable import Editable, editable
from .ledger import Outcome, SearchStep
from .placebo import Layout, Placebo
from .protocol import Edits, Hole, Search
from .registry import CONTRAST_SEARCHES, check_search_options, generator_of, make_search
from .similarity import Distance, Similarity, check_similarity, edits_distance

# The options that are not for the search itself:
_TEXT_OPTIONS = ("budget", "split_k", "editable", "minimise", "repeats", "placebo", "similarity")
_BUDGET = 50  # distinct perturbed texts, where a search needs a budget and none is given

Pair: TypeAlias = tuple[str, str]
Respond: TypeAlias = Callable[[list[str]], Sequence[str]]
Fill: TypeAlias = Callable[[list[Masked]], Sequence[str | None]]
ScoreFn: TypeAlias = Callable[[str, str, list[Pair]], Sequence[float | None]]
ARespond: TypeAlias = Callable[[list[str]], Awaitable[Sequence[str]]]
AFill: TypeAlias = Callable[[list[Masked]], Awaitable[Sequence[str | None]]]
AScoreFn: TypeAlias = Callable[[str, str, list[Pair]], Awaitable[Sequence[float | None]]]


class Options(TypedDict, total=False):
    """The options of the searches, besides the text and the functions. A search may have further ones of its own.

    Attributes:
        budget: distinct perturbed texts that are sent to the model at most (50; no limit for `cell`, which ends by
            itself).
        split_k: words in a unit (1). Units that are handed in are taken as they are.
        seed: the same seed gives the same result (0).
        editable: numbers of the units that may be edited; all unless given.
        prior: for each unit how likely it matters, up to a factor: likely units are tried first. A search that asks
            for every unit, as `cell` does, has no use for it.
        minimise: after a crossing, look for one with fewer edits (True); False stops at the first.
        repeats: 1 measures each perturbed text once (1). More, for a model or a score that answers the same question
            differently: the unchanged text is measured three times, and where that varies, a contrast is found only
            when it holds in at least so many fresh answers. They all count in the budget.
        placebo: texts with equally many edits elsewhere that are measured when a contrast is found (0): how often they
            cross too says how much the place of the edit matters. They do not count in the budget.
        alpha: `cell_budget` only: share of a round's seeds that are earlier candidates, in [0, 1] (0.5).
        radius: `cell_budget` only: sample at most so many units away from what a seed edits (anywhere). 5 is what the
            authors' own code has.
        similarity: which of several contrasts is the smallest: the one with the fewest edits (`edits`), or the one
            whose text has the highest sentence BLEU (`bleu`) or ROUGE-L (`rouge`) with the original one.
    """

    budget: int
    split_k: int
    seed: int
    editable: Sequence[int]
    prior: Sequence[float]
    minimise: bool
    repeats: int
    placebo: int
    alpha: float
    radius: int
    similarity: Similarity


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A contrast, or the largest movement where there was none.

    Attributes:
        found: g reached delta.
        score: g of `text`; None when nothing could be scored.
        score_before: g of the unchanged text with itself.
        edits: the replaced units, in the order of the text.
        text: the whole perturbed text; the text itself when nothing could be scored.
        response: the model's answer to it.
        response_before: its answer to the unchanged text.
        calls: perturbed texts that were sent to the model; the unchanged one is not counted.
        prompts: different ones among them.
        infills: holes that were filled.
        failed: calls without a score.
        trace: for each call the number of edits and g.
        edit_distance: words to insert, delete or replace to get from one text to the other.
        edit_rate: that, divided by the words of the unchanged text; None where it has none.
        stopped: why the search ended: a contrast was `found`, the `budget` was spent, the search had no further
            candidate (`searched`), the infiller had `no fills`, or there was `nothing to edit`.
        proof: the fresh answers that the contrast was tested with: how many there were and held, their mean and its
            standard error; None where answers do not vary, or nothing was measured again.
        placebo: how many texts with equally many edits elsewhere were measured, and how many cross too; None where none
            was.
    """

    found: bool
    score: float | None
    score_before: float | None
    edits: tuple[Edit, ...]
    text: str
    response: str
    response_before: str
    calls: int
    prompts: int
    infills: int
    failed: int
    trace: tuple[SearchStep, ...]
    edit_distance: int
    edit_rate: float | None
    stopped: Stopped
    proof: Proof | None = None
    placebo: Placebo | None = None


def solve(
    search: str,
    text_or_units: str | Sequence[str],
    respond: Respond,
    infill: Fill,
    score: ScoreFn,
    delta: float,
    options: Options,
) -> SearchResult:
    """Return what `asearch` returns, with plain functions."""

    async def respond_async(texts: list[str]) -> Sequence[str]:
        return respond(texts)

    async def infill_async(masked: list[Masked]) -> Sequence[str | None]:
        return infill(masked)

    async def score_async(x0: str, y0: str, pairs: list[Pair]) -> Sequence[float | None]:
        return score(x0, y0, pairs)

    return at_once(
        asearch(
            search, text_or_units, respond=respond_async, infill=infill_async, score=score_async, delta=delta, **options
        )
    )


async def asearch(
    search: str,
    text_or_units: str | Sequence[str],
    *,
    respond: ARespond,
    infill: AFill,
    score: AScoreFn,
    delta: float,
    **options: Unpack[Options],
) -> SearchResult:
    """Look for a contrast with the search of that name, with coroutines.

    Args:
        search: a name of `CONTRAST_SEARCHES`.
        text_or_units, delta, options: as of `cell`.
        respond, infill, score: as of `cell`, but they are awaited.

    Returns:
        The contrast, or the largest movement.

    Raises:
        UsageError: as `cell`, or there is no such search.
    """
    task = _Task.of(text_or_units, options)
    task.search(search, delta)  # refuses options that are not valid before a call is made
    before = _checked(await respond([task.text]), 1, "respond")[0]
    start = _checked(await score(task.text, before, [(task.text, before)]), 1, "score")[0]

    async def fill(holes: Sequence[Hole]) -> list[str | None]:
        masked = task.masked(holes)
        return task.fills(masked, _checked(await infill(masked), len(masked), "infill"))

    async def evaluate(request: Evaluate) -> list[Outcome]:
        texts = [task.edited(edits) for edits in request.candidates]
        pairs = list(zip(texts, _checked(await respond(texts), len(texts), "respond"), strict=True))
        return _outcomes(pairs, _checked(await score(task.text, before, pairs), len(pairs), "score"))

    budget = task.budget(search)
    limit = (len(task.units) + 1) ** 2 if budget is None else budget
    driving = drive(
        lambda: task.search(search, delta),
        delta=delta,
        budget=limit,
        start=Outcome(start, before),
        minimise=options.get("minimise", True),
        repeats=options.get("repeats", 1),
        placebo=options.get("placebo", 0),
        rng=generator_of(options.get("seed", 0)),
        layout=Layout(span=lambda unit: task.source.span(task.units[unit]), distance=task.distance),
    )
    end = await arun(driving, fill, evaluate)
    return task.result(end, before, start)


@dataclass(frozen=True)
class _Task:
    source: Editable
    units: tuple[int, ...]
    options: Options

    @classmethod
    def of(cls, text: str | Sequence[str], options: Options) -> "_Task":
        if isinstance(text, str):
            source = editable([Turn("user", text)], [0], split_k=options.get("split_k", 1))
        else:
            source = _of_pieces(text)
        numbers = sorted(set(options.get("editable", range(len(source.units)))))
        if any(not 0 <= unit < len(source.units) for unit in numbers):
            raise UsageError(f"editable={numbers} is not valid; the text has the units 0 to {len(source.units) - 1}")
        # Punctuation that was handed in as a unit has its number, but no infiller has anything to put in its place.
        units = tuple(unit for unit in numbers if any(map(str.isalnum, source.units[unit].of(source.turns[0].content))))
        return cls(source, units, options)

    @property
    def text(self) -> str:
        return self.source.turns[0].content

    def edited(self, edits: Edits) -> str:
        return self.source.edited(self._numbered(edits))[0].content

    def masked(self, holes: Sequence[Hole]) -> list[Masked]:
        return [self.source.masked(Hole(self.units[x.unit], self._numbered(x.edits), x.avoid)) for x in holes]

    def fills(self, masked: Sequence[Masked], fills: Sequence[str | None]) -> list[str | None]:
        return [
            None if fill is None or fill.strip() in ("", hole.old) else fill
            for hole, fill in zip(masked, fills, strict=True)
        ]

    def budget(self, name: str) -> int | None:
        return self.options.get("budget", None if CONTRAST_SEARCHES.get(name).exhaustive else _BUDGET)

    @cached_property
    def distance(self) -> Distance | None:
        """Return the distance of a candidate from the text; None where edits are counted."""
        return edits_distance(self.options.get("similarity", "edits"), self.edited)

    def search(self, name: str, delta: float) -> Search:
        """Return the search; refuse options that are not valid."""
        _check_options(self.options, name)
        if not math.isfinite(delta):
            raise UsageError(f"delta={delta} is not valid; it must be a finite number")
        options: dict[str, Any] = {key: value for key, value in self.options.items() if key not in _TEXT_OPTIONS}
        return make_search(
            name, self.source, self.units, delta=delta, budget=self.budget(name), distance=self.distance, **options
        )

    def result(self, end: SearchOutcome, before: str, start: float | None) -> SearchResult:
        text = self.edited(end.edits or ())
        outcome = end.outcome or Outcome(None, before)
        return SearchResult(
            found=end.found,
            score=outcome.score,
            score_before=None if start is None or math.isnan(start) else start,
            edits=tuple(self.source.edit(unit, fill) for unit, fill in self._numbered(end.edits or ())),
            text=text,
            response=outcome.response,
            response_before=before,
            calls=end.calls,
            prompts=end.prompts,
            infills=end.infills,
            failed=end.failed,
            trace=end.trace,
            edit_distance=edit_distance(self.text, text),
            edit_rate=edit_rate(self.text, text),
            stopped=end.stopped,
            proof=end.proof,
            placebo=end.placebo,
        )

    def _numbered(self, edits: Edits) -> Edits:
        """Return the search's edits with the units' numbers in the text."""
        return tuple((self.units[unit], fill) for unit, fill in edits)


def _check_options(options: Options, search: str) -> None:
    search_options = CONTRAST_SEARCHES.get(search).options
    valid = dict.fromkeys([*Options.__annotations__, *search_options])
    if unknown := sorted(set(options) - set(valid)):
        raise UsageError(f"{', '.join(unknown)}: no such option; there are {', '.join(valid)}")
    alpha, radius = options.get("alpha", 0.5), options.get("radius")
    check_search_options(search, alpha, radius)
    check_similarity(options.get("similarity", "edits"))
    for name, number, least in (
        ("budget", options.get("budget"), 1),
        ("repeats", options.get("repeats"), 1),
        ("placebo", options.get("placebo"), 0),
    ):
        if number is not None and number < least:
            raise UsageError(f"{name}={number} is not valid; it must be at least {least}")


def _of_pieces(pieces: Sequence[str]) -> Editable:
    units, offset = [], 0
    for piece in pieces:
        text = piece.strip()
        start = offset + piece.find(text)
        units.append(Unit(0, start, start + len(text), "phrase"))
        offset += len(piece)
    return Editable((Turn("user", "".join(pieces)),), tuple(units), ())


def _outcomes(pairs: Sequence[Pair], scores: Sequence[float | None]) -> list[Outcome]:
    return [Outcome(g, response) for (_, response), g in zip(pairs, scores, strict=True)]


def _checked(values: Any, count: int, name: str) -> list[Any]:
    try:
        answers = list(values)
    except TypeError:
        raise UsageError(f"{name} returned a {type(values).__name__}; it must return a list") from None
    if len(answers) != count:
        raise UsageError(f"{name} returned {len(answers)} values for {count}")
    return answers
