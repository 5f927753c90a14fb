"""Explanations of turns that a run has judged: the choice of turns, and each result stored at once."""

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
    judged_indices,
    keep_attributions,
    keep_contrast,
    newest_attributions,
    run_rubrics,
    scored_places,
    scored_turns,
    stored_attributions,
    stored_contrast,
)
from convexplain.system.files import replacing
from convexplain.types import Attribution, Contrast, Conversation, Rubric, sha256_json

from .attribution import Attributor
from .contrasts import ContrastFinder
from .head_phrases import quoted_faults
from .kept_maxims import KeptMaxim
from .measurement import ASSUMED_NOISE
from .settings import AttributionSettings, ContrastSettings

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_WORST = 3
_JUDGED = 20  # judged turns that an error lists
_VERSION = 10  # of the searches' requests: stored explanations of another version are not used


class ExplicableTurns(Protocol):
    """Says which turns of a conversation an explanation would edit or attribute to."""

    def turns(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[int]:
        """Return their indices, given that of the judged turn; none where nothing can be explained."""


@dataclass(frozen=True, slots=True)
class TurnChoice:
    """Chooses the turns of a run that are explained, on each rubric; at most one of the first three is given.

    Attributes:
        below: all turns that scored below it.
        place: one turn, (conversation's id, index).
        worst: the number of turns with the lowest scores that have something to edit; 3 when nothing is given.
        number: only of the conversation with this number in the store, where several have the id in `place`.
    """

    below: float | None = None
    place: tuple[str, int] | None = None
    worst: int | None = None
    number: int | None = None

    def __post_init__(self) -> None:
        if sum(choice is not None for choice in (self.below, self.place, self.worst)) > 1:
            raise UsageError("--below, --turn and --worst exclude each other: name one of them")

    def turns(self, store: RunStore, run: int, rubric: Rubric, explicable: ExplicableTurns) -> list[ScoredTurn]:
        """Return the turns on one rubric, the lowest score first; unscored ones only where the very turn was named.

        Turns with nothing to edit or to attribute to are not among the worst ones: they would only take their places.

        Args:
            store, run, rubric: where the turns are.
            explicable: says which turns have something to edit or to attribute to.
        """
        worst = _WORST if self == TurnChoice() else self.worst
        places = scored_places(store, run, rubric, below=self.below, place=self.place)
        turns = scored_turns(store, rubric, places)
        if self.number is not None:
            turns = (turn for turn in turns if turn.number == self.number)
        if worst is None:
            return list(turns)
        return list(islice((turn for turn in turns if explicable.turns(turn.conversation, turn.turn, rubric)), worst))


class Explainer(Protocol[T_co]):
    """Explains turns of a run, and stores the explanations."""

    def stored(self, turn: ScoredTurn) -> T_co | None:
        """Return the stored explanation; None where there is none, or where a failed part may succeed now."""

    async def find(self, turn: ScoredTurn) -> T_co:
        """Explain the turn and store the result. Raises UnavailableError where a model is gone."""


@dataclass(frozen=True, slots=True)
class Contrasts:
    """Explains turns by contrasts: the smallest edits that change their scores.

    Attributes:
        store: the store of the contrasts.
        run: the run's number.
        finder: looks for contrasts.
        settings: the settings of the searches.
        models: a name for each part that the scores and fills depend on, and its fingerprint.
        noise: SHA of a rubric to the judge's noise floor on it, where it was measured.
        attributed: look first where the turn's newest attribution points.
        maxims: those that an edit must not lower.
    """

    store: RunStore
    run: int
    finder: ContrastFinder
    settings: ContrastSettings
    models: Mapping[str, object]
    noise: Mapping[str, float] = field(default_factory=dict)
    attributed: bool = False
    maxims: Sequence[Rubric] = ()

    def stored(self, turn: ScoredTurn) -> Contrast | None:
        """Return the stored contrast."""
        contrast = stored_contrast(self.store, self.run, turn, self.sha(turn))
        return None if contrast is not None and is_retryable(contrast) else contrast

    async def find(self, turn: ScoredTurn) -> Contrast:
        """Search for a contrast and store it; what was scored before comes out of the cache."""
        noise = self.noise.get(turn.rubric.sha)
        maxims = [KeptMaxim(rubric, self.noise.get(rubric.sha, ASSUMED_NOISE)) for rubric in self.maxims]
        reply = turn.conversation.turns[turn.turn].content.casefold()
        quotes = quoted_faults(turn.reason) if turn.reason and turn.reason_quotes is None else ()
        faults = [quote for quote in quotes if quote.casefold() in reply]
        contrast = await self.finder.find(
            turn.conversation, turn.turn, turn.rubric, self._settings(turn), noise, turn.reason or "", maxims, faults
        )
        keep_contrast(self.store, self.run, turn, self.sha(turn), contrast)
        return contrast

    def sha(self, turn: ScoredTurn) -> str:
        """Return the SHA-256 of everything that decides a result besides the turn."""
        floor = self.noise.get(turn.rubric.sha) if self.settings.delta is None else None
        attributed = self._prior(turn)
        prior = [([asdict(unit) for unit in level.units], level.scores) for level in attributed]
        settings = {
            **asdict(replace(self.settings, prior=None)),
            "prior": self.settings.prior,
            "attributed": None if self.attributed and not attributed else prior,  # None: the result says that it lacks
        }
        parts = {"searches": _VERSION, "settings": settings, "models": self.models, "noise": floor}
        if self.maxims:
            parts["keep"] = [[rubric.sha, self.noise.get(rubric.sha)] for rubric in self.maxims]
        else:  # searches that keep nothing have the same key as before there was such an option
            del settings["keep"], settings["pareto"]
        for option, default in (("radius", None), ("similarity", "edits")):  # likewise
            if settings[option] == default:
                del settings[option]
        return sha256_json({**parts, **({"reason": turn.reason} if self.settings.proposes and turn.reason else {})})

    def _settings(self, turn: ScoredTurn) -> ContrastSettings:
        return replace(self.settings, prior=self._prior(turn)) if self.attributed else self.settings

    def _prior(self, turn: ScoredTurn) -> list[Attribution]:
        """The stored attributions of the turn's score; none where they are not asked for."""
        return newest_attributions(self.store, self.run, turn) if self.attributed else []


@dataclass(frozen=True, slots=True)
class Attributions:
    """Explains turns by attributions of their scores.

    Attributes:
        store, run, models, noise: as in `Contrasts`.
        attributor: attributes turns.
        settings: the settings of the attributions.
    """

    store: RunStore
    run: int
    attributor: Attributor
    settings: AttributionSettings
    models: Mapping[str, object]
    noise: Mapping[str, float] = field(default_factory=dict)

    def stored(self, turn: ScoredTurn) -> list[Attribution] | None:
        """Return the stored attributions."""
        levels = stored_attributions(self.store, self.run, turn, self.sha(turn))
        return None if levels is not None and any(level.failed or level.full is None for level in levels) else levels

    async def find(self, turn: ScoredTurn) -> list[Attribution]:
        """Attribute and store the result; what was scored before comes out of the cache."""
        noise = self.noise.get(turn.rubric.sha)
        levels = await self.attributor.attribute(turn.conversation, turn.turn, turn.rubric, self.settings, noise)
        keep_attributions(self.store, self.run, turn, self.sha(turn), levels)
        return levels

    def sha(self, turn: ScoredTurn) -> str:
        """Return the SHA-256 of everything that decides a result besides the turn."""
        return sha256_json(
            {
                "attributions": _VERSION,
                "settings": asdict(self.settings),
                "models": self.models,
                "noise": self.noise.get(turn.rubric.sha),
            }
        )


def chosen_rubrics(store: RunStore, run: Run, ids: Sequence[str]) -> list[Rubric]:
    """Return those of the run's rubrics that have these ids; all of them when none are given.

    Raises:
        UsageError: the run has judged by no rubric of that id, or by none at all.
    """
    rubrics = run_rubrics(store, run.id)
    if not rubrics:
        raise UsageError(f"run {run.id} has judged nothing yet")
    if wrong := [name for name in ids if name not in {rubric.id for rubric in rubrics}]:
        have = ", ".join(rubric.id for rubric in rubrics)
        raise UsageError(f"--rubric {wrong[0]}: run {run.id} was not judged by it; it was by {have}")
    return [rubric for rubric in rubrics if not ids or rubric.id in ids]


def no_such_turn(store: RunStore, run: Run, rubrics: Sequence[Rubric], place: tuple[str, int]) -> UsageError:
    """Return the error for a turn that the run has not judged; it lists the conversation's judged turns.

    Args:
        store: the store.
        run: the run.
        rubrics: the rubrics that count.
        place: the conversation's id and the turn's index.
    """
    conversation, turn = place
    judged = [str(index) for index in judged_indices(store, run.id, conversation, rubrics)]
    more = f" and {len(judged) - _JUDGED} more" if len(judged) > _JUDGED else ""
    indices = f"it has judged {', '.join(judged[:_JUDGED])}{more}" if judged else "it has judged none"
    names = ", ".join(rubric.id for rubric in rubrics)
    return UsageError(
        f"--turn {conversation}:{turn}: run {run.id} has judged no such turn on {names}; of {conversation} {indices}"
    )


async def explain(
    turns: Iterable[ScoredTurn], explainer: Explainer[T], begin: Callable[[ScoredTurn], None]
) -> AsyncIterator[tuple[ScoredTurn, T]]:
    """Yield each turn's explanation, from the store where it is there, else made now and stored.

    Where something failed, the turn is explained again the next time; what was scored comes out of the cache then.

    Args:
        turns: the turns, in the order in which they are explained.
        explainer: makes and stores the explanations.
        begin: called before each turn whose explanation is not stored.

    Raises:
        UnavailableError: a model is gone; the explanations until then are stored.
    """
    for turn in turns:
        explanation = explainer.stored(turn)
        if explanation is None:
            begin(turn)
            explanation = await explainer.find(turn)
        yield turn, explanation


def is_retryable(contrast: Contrast) -> bool:
    """Return True where the judge, the responder or what proposes texts failed, which may succeed another time."""
    broken = any(" failed: " in note for note in contrast.notes)  # of an editor or an infiller
    nothing_proposed = contrast.stopped == "no fills" and not contrast.infills and broken
    return contrast.stopped == "not scored" or nothing_proposed or (contrast.failed > 0 and not contrast.found)


def evenly_spaced(turns: Sequence[T], n: int) -> list[T]:
    """Return at most n of the turns, evenly spaced, the first and the last among them."""
    if len(turns) <= n:
        return list(turns)
    return [turns[round(i * (len(turns) - 1) / (n - 1))] for i in range(n)]


def write_lines(bodies: Iterable[Mapping[str, object]], path: Path) -> None:
    """Write one JSON object a line: `contrasts.jsonl`, `attributions.jsonl`."""
    with replacing(path) as part, part.open("w", encoding="ascii", newline="\n") as file:
        for body in bodies:
            file.write(json.dumps(body, ensure_ascii=True, default=str) + "\n")
