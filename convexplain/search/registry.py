"""The searches that there are: one file with one record for each, and one registry for each of the two kinds.

A contrast search is a file in `contrast_searches/`, an attribution method one in `attribution_methods/`. It holds a
generator (see `protocol`) and a record of it; other packages add theirs by the entry points `convexplain.searches` and
`convexplain.attribution_methods`. A generator is given what its parameters name, and nothing else.
"""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from convexplain.errors import UsageError
from convexplain.plugins import Registry

from .editable import Editable
from .protocol import Edits, MethodOutcome, Search, ValueSearch

T = TypeVar("T")


@dataclass(frozen=True)
class _NamedGenerator(Generic[T]):
    """A named generator.

    Attributes:
        name: as people write it.
        description: one sentence for people, in lists and in help.
        generator: takes the number of units, and by keyword what its parameters name.
    """

    name: str
    description: str
    generator: Callable[..., T]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of what the generator takes besides the number of units."""
        return tuple(inspect.signature(self.generator).parameters)[1:]

    def start(self, n: int, facts: Mapping[str, Any]) -> T:
        """Return a new search over n units; of the facts it receives those that its parameters name."""
        return self.generator(n, **{name: facts[name] for name in self.parameters if name in facts})


@dataclass(frozen=True)
class ContrastSearch(_NamedGenerator[Search]):
    """A search for a contrast.

    Its generator may take, by keyword: `delta` (g from which on a candidate is a contrast), `budget` (calls that there
    are), `rng` (the source of all chance), `groups` (for each coarser level the number of the group that each unit is
    in), `prior` (how likely each unit matters; None = equally), `sentences` (the units of each sentence that may be
    replaced as one, numbered n, n + 1, …), `distance` (how far a candidate is from the text; None = its number of
    edits), and options of its own, which have defaults.

    Attributes:
        name, description, generator: the search.
        exhaustive: it asks for every unit and then ends: it needs no budget.
        baseline: it is there to compare others with; people are not offered it.
        proposes: it asks editors for texts of passages (`Propose`) instead of fills of holes; its generator may take
            `layout` (the places and sizes of edits), and of the others `delta`, `budget`, `rng` and `prior`.
    """

    exhaustive: bool = False
    baseline: bool = False
    proposes: bool = False

    @property
    def uses_prior(self) -> bool:
        """True where the search makes use of a prior."""
        return "prior" in self.parameters

    @property
    def options(self) -> tuple[str, ...]:
        """The names of the options that only this search has."""
        return tuple(name for name in self.parameters if name not in _FACTS)


@dataclass(frozen=True)
class AttributionMethod(_NamedGenerator[ValueSearch[MethodOutcome]]):
    """A method that attributes a value to units.

    Its generator may take, by keyword: `rng` (the source of all chance), `budget` (evaluations that there are; None =
    no limit), `side` (1: look for units that raise the value; -1: for those that lower it), `k` (units that are removed
    together), `start` (a guess of what each unit does), and options of its own, which have defaults.
    """

    @property
    def options(self) -> tuple[str, ...]:
        """The names of what people may give: the generator's parameters, with a seed for `rng`, and the budget."""
        names = ("seed" if name == "rng" else name for name in self.parameters)
        return tuple(dict.fromkeys([*names, "budget"]))


_FACTS = ("delta", "budget", "rng", "groups", "prior", "sentences", "layout", "distance")
CONTRAST_SEARCHES = Registry("search", "searches", ContrastSearch, f"{__package__}.contrast_searches")
ATTRIBUTION_METHODS = Registry(
    "attribution method", "attribution_methods", AttributionMethod, f"{__package__}.attribution_methods"
)


def offered_searches() -> tuple[ContrastSearch, ...]:
    """Return the searches that people may choose: all but the baselines."""
    return tuple(search for search in CONTRAST_SEARCHES.records if not search.baseline)


def described(records: Iterable[ContrastSearch | AttributionMethod]) -> str:
    """Return the records as text for help: each name with its description."""
    return " ".join(f"{record.name}: {record.description}" for record in records)


def make_search(
    name: str,
    text: Editable,
    units: Sequence[int],
    *,
    delta: float,
    budget: int | None,
    seed: int = 0,
    prior: Sequence[float] | None = None,
    sentences: bool = False,
    distance: Callable[[Edits], float] | None = None,
    **options: Any,
) -> Search:
    """Return the search of that name over those units of a text, which it sees as 0 … n-1.

    Args:
        name: one of `CONTRAST_SEARCHES`.
        text: the text.
        units: numbers of the units that may be edited.
        delta: g from which on a candidate is a contrast.
        budget: calls that there are; None = no limit.
        seed: the same seed gives the same search.
        prior: for each unit of the text how likely it matters, up to a factor.
        sentences: whole sentences may be replaced too; for that `units` are all those of the text.
        distance: how far a candidate is from the text; None = its number of edits.
        options: further options; those that the search does not have are left out.

    Raises:
        UsageError: there is no such search, or prior or seed is out of range.
    """
    search = CONTRAST_SEARCHES.get(name)
    if search.proposes:
        names = ", ".join(other.name for other in offered_searches() if not other.proposes)
        raise UsageError(f"search={name!r} is not valid here: it needs editors of conversations; valid are: {names}")
    _check_prior(prior, text, units)
    facts = {
        "delta": delta,
        "budget": budget or len(units) ** 2,
        "rng": generator_of(seed),
        "groups": [[level[unit] for unit in units] for level in text.groups],
        "prior": None if prior is None else [prior[unit] for unit in units],
        "sentences": text.sentence_units if sentences else (),
        "distance": distance,
    }
    return search.start(len(units), {**options, **facts})


def check_search_options(search: str, alpha: float, radius: int | None) -> None:
    """Check the options that only some searches have.

    Args:
        search: one of `CONTRAST_SEARCHES`.
        alpha: share of a round's seeds that are earlier candidates; 0.5 is what searches take without it.
        radius: how far from an edited unit others are edited; None = anywhere.

    Raises:
        UsageError: a value is out of range, or the search has no such option.
    """
    if not 0 <= alpha <= 1:
        raise UsageError(f"alpha={alpha} is not valid; it must be in [0, 1]")
    if radius is not None and radius < 1:
        raise UsageError(f"radius={radius} is not valid; it must be at least 1")
    options = CONTRAST_SEARCHES.get(search).options
    for name, changed in (("alpha", alpha != 0.5), ("radius", radius is not None)):
        if changed and name not in options:
            names = ", ".join(other.name for other in CONTRAST_SEARCHES.records if name in other.options)
            raise UsageError(f"{name} means nothing with search={search!r}; only {names} takes it")


def make_method(
    name: str, *, seed: int = 0, side: int = 1, k: int = 3, guide: Sequence[Sequence[float]] | None = None
) -> Callable[[int, Sequence[int], int], ValueSearch[MethodOutcome]]:
    """Return the attribution method of that name as `refinement.refine` takes it.

    Args:
        name: one of `ATTRIBUTION_METHODS`.
        seed: the same seed gives the same result.
        side: 1 looks for units that raise the value, -1 for those that lower it.
        k: units that are removed together, by methods that do that.
        guide: for each level a guess of what each unit does; a method with a `start` begins with it.

    Raises:
        UsageError: there is no such method.
    """
    method = ATTRIBUTION_METHODS.get(name)

    def search_level(level: int, units: Sequence[int], budget: int) -> ValueSearch[MethodOutcome]:
        start = None if guide is None else [guide[level][unit] for unit in units]
        facts = {"rng": generator_of(seed), "budget": budget, "side": side, "k": k, "start": start}
        return method.start(len(units), facts)

    return search_level


def generator_of(seed: int) -> np.random.Generator:
    """Return the source of chance of a seed.

    Raises:
        UsageError: the seed is negative.
    """
    if seed < 0:
        raise UsageError(f"seed={seed} is not valid; it must be at least 0")
    return np.random.default_rng(seed)


def _check_prior(prior: Sequence[float] | None, text: Editable, units: Sequence[int]) -> None:
    if prior is None:
        return
    if len(prior) != len(text.units) or not all(math.isfinite(weight) and weight >= 0 for weight in prior):
        raise UsageError(
            f"prior has {len(prior)} values; it must have one for each of the {len(text.units)} units, >= 0"
        )
    if units and not any(prior[unit] > 0 for unit in units):
        raise UsageError("prior is 0 for every unit that may be edited; at least one must be above 0")
