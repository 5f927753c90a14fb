"""Contrasts for turns that a run has judged: which turns, one search after the other, each result kept at once."""

import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from .contrasts import ContrastFinder, Settings
from .errors import UsageError
from .store import (
    Run,
    RunStore,
    ScoredTurn,
    contrast_body,
    keep_contrast,
    known_contrast,
    run_rubrics,
    scored_turns,
)
from .types import Contrast, Rubric, sha256_json

_WORST = 3
_VERSION = 1  # of what the searches ask: contrasts of another version are not taken for those of this one


@dataclass(frozen=True, slots=True)
class Which:
    """Which turns of a run are explained, on each rubric; at most one of the three is given.

    Attributes:
        below: all that scored below it.
        place: one turn, (conversation's id, index).
        worst: so many with the lowest scores that have something to edit; 3 when nothing is given.
    """

    below: float | None = None
    place: tuple[str, int] | None = None
    worst: int | None = None

    def __post_init__(self) -> None:
        if sum(given is not None for given in (self.below, self.place, self.worst)) > 1:
            raise UsageError("--below, --turn and --worst exclude each other: name one of them")

    def turns(self, store: RunStore, run: int, rubric: Rubric, settings: Settings) -> list[ScoredTurn]:
        """The turns on one rubric, the lowest score first; unscored ones only where the very turn was named.

        Turns with nothing that may be edited are not among the worst ones: they would take the place of others.
        """
        worst = _WORST if self == Which() else self.worst
        found = scored_turns(store, run, rubric, below=self.below, place=self.place)
        if worst is None:
            return found
        return [turn for turn in found if settings.turns(turn.conversation, turn.turn)][:worst]


@dataclass(frozen=True, slots=True)
class Explainer:
    """How a run's turns are explained.

    Attributes:
        finder: looks for contrasts.
        settings: how.
        models: what the scores and fills hang on: a name for each part, and its fingerprint.
        noise: SHA of a rubric to the judge's noise floor on it, where it was measured.
    """

    finder: ContrastFinder
    settings: Settings
    models: Mapping[str, object]
    noise: Mapping[str, float] = field(default_factory=dict)

    def sha(self, rubric: Rubric) -> str:
        """SHA-256 of everything that decides a result besides the turn."""
        floor = self.noise.get(rubric.sha) if self.settings.delta is None else None
        return sha256_json(
            {"searches": _VERSION, "settings": asdict(self.settings), "models": self.models, "noise": floor}
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
    store: RunStore, run: int, turns: Iterable[ScoredTurn], explainer: Explainer, begin: Callable[[ScoredTurn], None]
) -> AsyncIterator[tuple[ScoredTurn, Contrast]]:
    """Gives each turn's contrast, from the store where it was found before, else searched for now and kept.

    Where something failed, the turn is searched again the next time; what was scored comes out of the cache then.

    Args:
        store: where contrasts are kept.
        run: the run's number.
        turns: the turns, in the order in which they are explained.
        explainer: how.
        begin: called before each search.

    Raises:
        UnavailableError: a model is gone; what was found until then is kept.
    """
    for turn in turns:
        settings = explainer.sha(turn.rubric)
        found = known_contrast(store, run, turn, settings)
        if found is None or may_go_better(found):
            begin(turn)
            noise = explainer.noise.get(turn.rubric.sha)
            found = await explainer.finder.find(turn.conversation, turn.turn, turn.rubric, explainer.settings, noise)
            keep_contrast(store, run, turn, settings, found)
        yield turn, found


def may_go_better(contrast: Contrast) -> bool:
    """Whether something failed that may go well another time: the judge, the responder or the infiller."""
    return contrast.stopped in ("not scored", "no fills") or (contrast.failed > 0 and not contrast.found)


def spread(turns: Sequence[ScoredTurn], n: int) -> list[ScoredTurn]:
    """At most n of the turns, evenly spaced, the first and the last among them."""
    if len(turns) <= n:
        return list(turns)
    return [turns[round(i * (len(turns) - 1) / (n - 1))] for i in range(n)]


def write_contrasts(contrasts: Iterable[Contrast], path: Path) -> None:
    """`contrasts.jsonl`: one object a contrast, with the fields of `Contrast`."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        for one in contrasts:
            file.write(json.dumps(contrast_body(one), ensure_ascii=True, default=str) + "\n")
