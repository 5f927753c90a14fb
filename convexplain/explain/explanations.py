"""Explanations of turns that a run has judged: which turns, one after the other, each result kept at once."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Protocol, TypeVar

from convexplain.errors import UsageError
from convexplain.store import (
    Run,
    RunStore,
    ScoredTurn,
    keep_attributions,
    keep_contrast,
    newest_attributions,
    run_rubrics,
    scored_places,
    scored_turns,
    stored_attributions,
    stored_contrast,
)
from convexplain.types import Attribution, Contrast, Rubric, sha256_json

from .attribution import AttributionSettings, Attributor
from .contrasts import ContrastFinder, ContrastSettings

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_WORST = 3
_VERSION = 5  # of what the searches ask: explanations of another version are not taken for those of this one


@dataclass(frozen=True, slots=True)
class TurnChoice:
    """Chooses the turns of a run that are explained, on each rubric; at most one of the first three is given.

    Attributes:
        below: all that scored below it.
        place: one turn, (conversation's id, index).
        worst: so many with the lowest scores that have something to edit; 3 when nothing is given.
        number: only of the conversation with this number in the store, where several have the id in `place`.
    """

    below: float | None = None
    place: tuple[str, int] | None = None
    worst: int | None = None
    number: int | None = None

    def __post_init__(self) -> None:
        if sum(given is not None for given in (self.below, self.place, self.worst)) > 1:
            raise UsageError("--below, --turn and --worst exclude each other: name one of them")

    def turns(
        self, store: RunStore, run: int, rubric: Rubric, settings: ContrastSettings | AttributionSettings
    ) -> list[ScoredTurn]:
        """The turns on one rubric, the lowest score first; unscored ones only where the very turn was named.

        Turns with nothing to edit or to attribute to are not among the worst ones: they would take the place of others.
        """
        worst = _WORST if self == TurnChoice() else self.worst
        places = scored_places(store, run, rubric, below=self.below, place=self.place)
        found = scored_turns(store, rubric, places)
        if self.number is not None:
            found = (turn for turn in found if turn.number == self.number)
        if worst is None:
            return list(found)
        return list(islice((turn for turn in found if settings.turns(turn.conversation, turn.turn)), worst))


class Explainer(Protocol[T_co]):
    """Explains turns of a run, and keeps what it finds."""

    def known(self, turn: ScoredTurn) -> T_co | None:
        """What is kept for the turn; None where there is nothing, or where something failed that may go better now."""

    async def find(self, turn: ScoredTurn) -> T_co:
        """Explains the turn and keeps the result. Raises UnavailableError where a model is gone."""


@dataclass(frozen=True, slots=True)
class Contrasts:
    """What would have changed the turns' scores.

    Attributes:
        store: where contrasts are kept.
        run: the run's number.
        finder: looks for contrasts.
        settings: how.
        models: what the scores and fills hang on: a name for each part, and its fingerprint.
        noise: SHA of a rubric to the judge's noise floor on it, where it was measured.
        attributed: look first where the attribution points that was kept last for the turn.
    """

    store: RunStore
    run: int
    finder: ContrastFinder
    settings: ContrastSettings
    models: Mapping[str, object]
    noise: Mapping[str, float] = field(default_factory=dict)
    attributed: bool = False

    def known(self, turn: ScoredTurn) -> Contrast | None:
        """The kept contrast."""
        found = stored_contrast(self.store, self.run, turn, self.sha(turn))
        return None if found is not None and may_go_better(found) else found

    async def find(self, turn: ScoredTurn) -> Contrast:
        """Searches; what was scored before comes out of the cache."""
        noise = self.noise.get(turn.rubric.sha)
        found = await self.finder.find(turn.conversation, turn.turn, turn.rubric, self._settings(turn), noise)
        keep_contrast(self.store, self.run, turn, self.sha(turn), found)
        return found

    def sha(self, turn: ScoredTurn) -> str:
        """SHA-256 of everything that decides a result besides the turn."""
        floor = self.noise.get(turn.rubric.sha) if self.settings.delta is None else None
        attributed = self._prior(turn)
        prior = [([asdict(unit) for unit in one.units], one.scores) for one in attributed]
        settings = {
            **asdict(replace(self.settings, prior=None)),
            "prior": self.settings.prior,
            "attributed": None if self.attributed and not attributed else prior,  # None: the result says that it lacks
        }
        return sha256_json({"searches": _VERSION, "settings": settings, "models": self.models, "noise": floor})

    def _settings(self, turn: ScoredTurn) -> ContrastSettings:
        return replace(self.settings, prior=self._prior(turn)) if self.attributed else self.settings

    def _prior(self, turn: ScoredTurn) -> list[Attribution]:
        """What is kept of the turn's own score; none where it is not asked for."""
        return newest_attributions(self.store, self.run, turn) if self.attributed else []


@dataclass(frozen=True, slots=True)
class Attributions:
    """What the turns' scores hang on.

    Attributes:
        store, run, models, noise: as in `Contrasts`.
        attributor: attributes turns.
        settings: how.
    """

    store: RunStore
    run: int
    attributor: Attributor
    settings: AttributionSettings
    models: Mapping[str, object]
    noise: Mapping[str, float] = field(default_factory=dict)

    def known(self, turn: ScoredTurn) -> list[Attribution] | None:
        """The kept attributions."""
        found = stored_attributions(self.store, self.run, turn, self.sha(turn))
        return None if found is not None and any(one.failed or one.full is None for one in found) else found

    async def find(self, turn: ScoredTurn) -> list[Attribution]:
        """Attributes; what was scored before comes out of the cache."""
        noise = self.noise.get(turn.rubric.sha)
        found = await self.attributor.attribute(turn.conversation, turn.turn, turn.rubric, self.settings, noise)
        keep_attributions(self.store, self.run, turn, self.sha(turn), found)
        return found

    def sha(self, turn: ScoredTurn) -> str:
        """SHA-256 of everything that decides a result besides the turn."""
        return sha256_json(
            {
                "attributions": _VERSION,
                "settings": asdict(self.settings),
                "models": self.models,
                "noise": self.noise.get(turn.rubric.sha),
            }
        )


def chosen_rubrics(store: RunStore, run: Run, ids: Sequence[str]) -> list[Rubric]:
    """Those of the run's rubrics that have these ids; all of them when none are given.

    Raises:
        UsageError: the run has judged by no rubric of that id, or by none at all.
    """
    found = run_rubrics(store, run.id)
    if not found:
        raise UsageError(f"run {run.id} has judged nothing yet")
    if wrong := [name for name in ids if name not in {rubric.id for rubric in found}]:
        have = ", ".join(rubric.id for rubric in found)
        raise UsageError(f"--rubric {wrong[0]}: run {run.id} was not judged by it; it was by {have}")
    return [rubric for rubric in found if not ids or rubric.id in ids]


async def explain(
    turns: Iterable[ScoredTurn], explainer: Explainer[T], begin: Callable[[ScoredTurn], None]
) -> AsyncIterator[tuple[ScoredTurn, T]]:
    """Gives each turn's explanation, from the store where it was found before, else found now and kept.

    Where something failed, the turn is explained again the next time; what was scored comes out of the cache then.

    Args:
        turns: the turns, in the order in which they are explained.
        explainer: how.
        begin: called before each turn that is not known.

    Raises:
        UnavailableError: a model is gone; what was found until then is kept.
    """
    for turn in turns:
        found = explainer.known(turn)
        if found is None:
            begin(turn)
            found = await explainer.find(turn)
        yield turn, found


def may_go_better(contrast: Contrast) -> bool:
    """Whether something failed that may go well another time: the judge, the responder or the infiller."""
    return contrast.stopped in ("not scored", "no fills") or (contrast.failed > 0 and not contrast.found)


def spread(turns: Sequence[T], n: int) -> list[T]:
    """At most n of the turns, evenly spaced, the first and the last among them."""
    if len(turns) <= n:
        return list(turns)
    return [turns[round(i * (len(turns) - 1) / (n - 1))] for i in range(n)]


def write_lines(bodies: Iterable[Mapping[str, object]], path: Path) -> None:
    """`contrasts.jsonl`, `attributions.jsonl`: one JSON object a line."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        for body in bodies:
            file.write(json.dumps(body, ensure_ascii=True, default=str) + "\n")
