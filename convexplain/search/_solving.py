"""How a search over plain text is run by functions that are handed in: a text's units, the search, the result."""

import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypedDict, Unpack

import numpy as np

from convexplain.errors import UsageError
from convexplain.fidelity.edits import edit_distance, edit_rate
from convexplain.models.infilling import Masked
from convexplain.text.editable import Editable, editable
from convexplain.types import Edit, Turn, Unit

from . import _cell, _cell_budget, _few, _guided, _random
from .driver import Evaluate, Found, Outcome, Step, Stopped, arun, at_once, drive
from .protocol import Edits, Hole, Search

SEARCHES = ("guided", "few", "cell_budget", "cell", "random")

Pair: TypeAlias = tuple[str, str]
Respond: TypeAlias = Callable[[list[str]], Sequence[str]]
Fill: TypeAlias = Callable[[list[Masked]], Sequence[str | None]]
ScoreFn: TypeAlias = Callable[[str, str, list[Pair]], Sequence[float | None]]
ARespond: TypeAlias = Callable[[list[str]], Awaitable[Sequence[str]]]
AFill: TypeAlias = Callable[[list[Masked]], Awaitable[Sequence[str | None]]]
AScoreFn: TypeAlias = Callable[[str, str, list[Pair]], Awaitable[Sequence[float | None]]]


class Options(TypedDict, total=False):
    """What every search takes besides the text and the functions.

    Attributes:
        budget: at most so many distinct perturbed texts are sent to the model (50; `cell`: no limit).
        split_k: words in a unit (1). Units that are handed in are taken as they are.
        seed: the same seed gives the same result (0).
        editable: numbers of the units that may be edited; all unless given.
        prior: for each unit how likely it matters, up to a factor; says where to look first (not in `cell`).
        minimise: after a crossing, look for one with fewer edits (True); False stops at the first.
        alpha: `cell_budget` only: share of a round's seeds that are earlier candidates (0.5).
        radius: `cell_budget` only: sample at most so many units away from what a seed edits (anywhere).
    """

    budget: int
    split_k: int
    seed: int
    editable: Sequence[int]
    prior: Sequence[float]
    minimise: bool
    alpha: float
    radius: int


@dataclass(frozen=True, slots=True)
class Result:
    """A contrast, or the largest movement where there was none.

    Attributes:
        found: g reached delta.
        score: g of the text below; None when nothing could be scored.
        score_before: g of the unchanged text with itself.
        edits: what was changed, in the order of the text.
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
        stopped: why the search ended: a contrast was `found`, the `budget` was spent, it had `searched` everything it
            knows to, the infiller had `no fills`, or there was `nothing to edit`.
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
    trace: tuple[Step, ...]
    edit_distance: int
    edit_rate: float | None
    stopped: Stopped


def solve(
    search: str,
    text_or_units: str | Sequence[str],
    respond: Respond,
    infill: Fill,
    score: ScoreFn,
    delta: float,
    options: Options,
) -> Result:
    """Return what `asearch` returns, with plain functions."""

    async def responding(texts: list[str]) -> Sequence[str]:
        return respond(texts)

    async def filling(masked: list[Masked]) -> Sequence[str | None]:
        return infill(masked)

    async def scoring(x0: str, y0: str, pairs: list[Pair]) -> Sequence[float | None]:
        return score(x0, y0, pairs)

    return at_once(
        asearch(search, text_or_units, respond=responding, infill=filling, score=scoring, delta=delta, **options)
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
) -> Result:
    """Search as the function of that name does, with coroutines.

    Args:
        search: a name out of `SEARCHES`.
        text_or_units, delta, options: as of `cell`.
        respond, infill, score: as of `cell`, but they are awaited.

    Returns:
        The contrast, or the largest movement.

    Raises:
        UsageError: as `cell`, or there is no such search.
    """
    task = _Task.of(text_or_units, options)
    searching = task.search(search, delta)
    before = _checked(await respond([task.text]), 1, "respond")[0]
    start = _checked(await score(task.text, before, [(task.text, before)]), 1, "score")[0]

    async def fill(holes: Sequence[Hole]) -> list[str | None]:
        masked = task.masked(holes)
        return task.fills(masked, _checked(await infill(masked), len(masked), "infill"))

    async def evaluate(ask: Evaluate) -> list[Outcome]:
        texts = [task.edited(edits) for edits in ask.candidates]
        pairs = list(zip(texts, _checked(await respond(texts), len(texts), "respond"), strict=True))
        return _outcomes(pairs, _checked(await score(task.text, before, pairs), len(pairs), "score"))

    budget = task.budget(search)
    limit = (len(task.units) + 1) ** 2 if budget is None else budget
    minimise = options.get("minimise", True)
    driving = drive(searching, delta=delta, budget=limit, start=Outcome(start, before), minimise=minimise)
    found = await arun(driving, fill, evaluate)
    return task.result(found, before, start)


def make_search(
    name: str,
    text: Editable,
    units: Sequence[int],
    *,
    delta: float,
    budget: int | None,
    seed: int = 0,
    prior: Sequence[float] | None = None,
    alpha: float = 0.5,
    radius: int | None = None,
    anew: bool = False,
) -> Search:
    """The search of that name over those units of a text, which it sees as 0 … n-1.

    With `anew`, `guided` may also have whole sentences said anew; for that the units are all those of the text.

    Raises:
        UsageError: there is no such search, or prior or alpha is out of range.
    """
    n = len(units)
    if prior is not None and (
        len(prior) != len(text.units) or not all(math.isfinite(weight) and weight >= 0 for weight in prior)
    ):
        raise UsageError(
            f"prior has {len(prior)} values; it must have one for each of the {len(text.units)} units, >= 0"
        )
    if prior is not None and units and not any(prior[unit] > 0 for unit in units):
        raise UsageError("prior is 0 for every unit that may be edited; at least one must be above 0")
    if seed < 0:
        raise UsageError(f"seed={seed} is not valid; it must be at least 0")
    if radius is not None and radius < 1:
        raise UsageError(f"radius={radius} is not valid; it must be at least 1")
    if not 0 <= alpha <= 1:
        raise UsageError(f"alpha={alpha} is not valid; it must be in [0, 1]")
    weights = None if prior is None else [prior[unit] for unit in units]
    rng = np.random.default_rng(seed)
    if name == "cell":
        return _cell.cell(n, delta=delta)
    if name == "cell_budget":
        return _cell_budget.cell_budget(
            n, delta=delta, budget=budget or n * n, rng=rng, alpha=alpha, radius=radius, prior=weights
        )
    if name in ("guided", "few"):
        groups = [[level[unit] for unit in units] for level in text.groups]
        if name == "few":
            return _few.few(n, delta=delta, rng=rng, groups=groups, prior=weights)
        wholes = text.parts if anew else ()
        return _guided.guided(n, delta=delta, rng=rng, groups=groups, prior=weights, wholes=wholes)
    if name == "random":
        return _random.random_search(n, rng=rng)
    raise UsageError(f"search={name!r} is not valid; valid are: {', '.join(SEARCHES)}")


@dataclass(frozen=True, slots=True)
class _Task:
    source: Editable
    units: tuple[int, ...]
    options: Options

    @classmethod
    def of(cls, text: str | Sequence[str], options: Options) -> "_Task":
        if isinstance(text, str):
            source = editable([Turn("user", text)], [0], split_k=options.get("split_k", 1))
        else:
            source = _pieces(text)
        chosen = sorted(set(options.get("editable", range(len(source.units)))))
        if any(not 0 <= unit < len(source.units) for unit in chosen):
            raise UsageError(f"editable={chosen} is not valid; the text has the units 0 to {len(source.units) - 1}")
        # Punctuation that was handed in as a unit has its number, but there is nothing to say differently.
        units = tuple(unit for unit in chosen if any(map(str.isalnum, source.units[unit].of(source.turns[0].content))))
        return cls(source, units, options)

    @property
    def text(self) -> str:
        return self.source.turns[0].content

    def edited(self, edits: Edits) -> str:
        return self.source.edited(self._own(edits))[0].content

    def masked(self, holes: Sequence[Hole]) -> list[Masked]:
        return [self.source.masked(Hole(self.units[x.unit], self._own(x.edits), x.avoid)) for x in holes]

    def fills(self, masked: Sequence[Masked], fills: Sequence[str | None]) -> list[str | None]:
        return [
            None if fill is None or fill.strip() in ("", hole.old) else fill
            for hole, fill in zip(masked, fills, strict=True)
        ]

    def budget(self, name: str) -> int | None:
        return self.options.get("budget", None if name == "cell" else 50)

    def search(self, name: str, delta: float) -> Search:
        """The search; refuses bad options before anything is asked."""
        chosen, budget = self.options, self.budget(name)
        if unknown := set(chosen) - set(Options.__annotations__):
            raise UsageError(
                f"{', '.join(sorted(unknown))}: no such option; there are {', '.join(Options.__annotations__)}"
            )
        if budget is not None and budget < 1:
            raise UsageError(f"budget={budget} is not valid; it must be at least 1")
        if not math.isfinite(delta):
            raise UsageError(f"delta={delta} is not valid; it must be a finite number")
        return make_search(
            name,
            self.source,
            self.units,
            delta=delta,
            budget=budget,
            seed=chosen.get("seed", 0),
            prior=chosen.get("prior"),
            alpha=chosen.get("alpha", 0.5),
            radius=chosen.get("radius"),
        )

    def result(self, found: Found, before: str, start: float | None) -> Result:
        own = self._own(found.edits or ())
        text = self.edited(found.edits or ())
        outcome = found.outcome or Outcome(None, before)
        return Result(
            found=found.found,
            score=outcome.score,
            score_before=None if start is None or math.isnan(start) else start,
            edits=tuple(self.source.edit(unit, fill) for unit, fill in own),
            text=text,
            response=outcome.response,
            response_before=before,
            calls=found.calls,
            prompts=found.prompts,
            infills=found.infills,
            failed=found.failed,
            trace=found.trace,
            edit_distance=edit_distance(self.text, text),
            edit_rate=edit_rate(self.text, text),
            stopped=found.stopped,
        )

    def _own(self, edits: Edits) -> Edits:
        return tuple((self.units[unit], fill) for unit, fill in edits)


def _pieces(pieces: Sequence[str]) -> Editable:
    units, at = [], 0
    for piece in pieces:
        said = piece.strip()
        start = at + piece.find(said)
        units.append(Unit(0, start, start + len(said), "phrase"))
        at += len(piece)
    return Editable((Turn("user", "".join(pieces)),), tuple(units), ())


def _outcomes(pairs: Sequence[Pair], scores: Sequence[float | None]) -> list[Outcome]:
    return [Outcome(g, response) for (_, response), g in zip(pairs, scores, strict=True)]


def _checked(values: Any, wanted: int, name: str) -> list[Any]:
    try:
        found = list(values)
    except TypeError:
        raise UsageError(f"{name} returned a {type(values).__name__}; it must return a list") from None
    if len(found) != wanted:
        raise UsageError(f"{name} returned {len(found)} values for {wanted}")
    return found
