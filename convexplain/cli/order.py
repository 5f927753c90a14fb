"""What `convexplain explain` was told to do: which turns, by which models; and what it says of turns left out."""

from dataclasses import dataclass, replace

from rich.console import Console

from convexplain import store as stores
from convexplain.agreement.calibration import Calibration
from convexplain.errors import UsageError
from convexplain.explain.explanations import Which, spread
from convexplain.explain.measurement import ASSUMED_NOISE
from convexplain.explain.wording import counted
from convexplain.judges.noise import CHANGES, MIN_TURNS, noise_floor
from convexplain.models.calls import Calls
from convexplain.models.chat import ChatModel
from convexplain.store import Run, RunStore, ScoredTurn
from convexplain.types import Rubric
from convexplain.workspace.build import Opened

from .judging import calibrated_by, floor_key

DIGITS = 10  # no conversation has that many turns, and no store that many runs
NOISE_CALLS = MIN_TURNS * (1 + len(CHANGES))


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be explained, and by which models.

    Attributes:
        store, run, rubrics: where the turns are.
        turns: those that are explained.
        left_out: says which turns cannot be, for want of a score or of anything to edit.
        judge, samples, responder, infiller: the models; no infiller where none is wanted.
        measure_noise: measure the judge's noise floors first.
    """

    store: RunStore
    run: Run
    rubrics: list[Rubric]
    turns: list[ScoredTurn]
    left_out: list[str]
    judge: str
    samples: int | None
    responder: str | None
    infiller: str | None
    measure_noise: bool

    def calibrations(self, model: ChatModel) -> dict[str, Calibration]:
        """Rubric's id to what the run's scores by that judge were mapped by."""
        return calibrated_by(self.run.settings, model, self.samples)

    @property
    def by_judge(self) -> "list[Order]":
        """Of a run of two judges an order for each: a turn is explained by the judge that its score is from."""
        names = dict.fromkeys([self.judge, *(turn.model for turn in self.turns)])
        parts = [replace(self, judge=name, turns=[turn for turn in self.turns if turn.model == name]) for name in names]
        return [part for part in parts if part.turns] or [self]


async def noise_floors(order: Order, models: Opened, notes: Console, *, needed: bool = True) -> dict[str, float]:
    """SHA of a rubric to the judge's noise floor, where it is known or measured now; says where it is assumed."""
    if order.measure_noise:
        await _measure_noise(order, models.judge, notes)
    maps = order.calibrations(models.judge.model)
    keys = {rubric.sha: floor_key(models.judge.model, maps.get(rubric.id)) for rubric in order.rubrics}
    known = {one.sha: stores.noise_floor(order.store, keys[one.sha], one, order.samples) for one in order.rubrics}
    if needed and None in known.values():
        notes.print(
            f"The noise floor of this judge was not measured; {ASSUMED_NOISE} is taken. --noise measures it.",
            soft_wrap=True,
        )
    return {sha: value for sha, value in known.items() if value is not None}


async def _measure_noise(order: Order, calls: Calls, notes: Console) -> None:
    maps = order.calibrations(calls.model)
    for rubric in order.rubrics:
        some = spread(stores.scored_places(order.store, order.run.id, rubric), MIN_TURNS)
        turns = list(stores.scored_turns(order.store, rubric, some))
        if len(turns) < MIN_TURNS:
            raise UsageError(
                f"--noise: run {order.run.id} has {len(turns)} scored turns on {rubric.id}; {MIN_TURNS} are needed"
            )
        notes.print(
            f"Measuring the noise floor on {rubric.id}: {len(turns) * (1 + len(CHANGES))} judgements.", soft_wrap=True
        )
        places = [(turn.conversation, turn.turn) for turn in turns]
        mapped = maps.get(rubric.id)
        floor = await noise_floor(calls, rubric, places, samples=order.samples, calibration=mapped)
        judge = floor_key(calls.model, mapped)
        stores.keep_noise_floor(order.store, judge, rubric, floor.value, floor.turns, floor.n, order.samples)
        notes.print(f"It is {floor.value:.3f} ({floor.n} pairs).")


def left_out(store: RunStore, run: Run, rubrics: list[Rubric], turns: list[ScoredTurn], which: Which) -> list[str]:
    """What is said of turns without a score: each that was named, else how many there are."""
    if which.place is not None:
        return [
            f"{turn.conversation.id}:{turn.turn} has no score on {turn.rubric.id} and is left out."
            for turn in turns
            if turn.score is None
        ]
    chosen = {rubric.id for rubric in rubrics}
    return [
        f"{counted(maxim.unscored, 'turn')} without a score on {maxim.rubric} left out."
        for maxim in stores.summarise(store, run, worst=0).maxims
        if maxim.unscored and maxim.rubric in chosen
    ]


def nothing_to_do(scored: list[ScoredTurn], explicable: list[ScoredTurn], what: str) -> list[str]:
    """What is said of scored turns that hold nothing to edit or to attribute to, for which no model is wanted."""
    doable = {(turn.conversation.id, turn.turn) for turn in explicable}
    bare = dict.fromkeys((turn.conversation.id, turn.turn) for turn in scored)
    places = [one for one in bare if one not in doable]
    if len(places) > 1:
        return [f"{len(places)} turns left out: {what}."]
    return [f"{conversation}:{turn} is left out: {what}." for conversation, turn in places]


def place(turn: str | None) -> tuple[str, int] | None:
    """Conversation and index of a turn that was named as `CONVERSATION:N`.

    Raises:
        UsageError: it is not written like that.
    """
    if turn is None:
        return None
    conversation, _, index = turn.rpartition(":")
    if not (conversation and index.isascii() and index.isdecimal() and len(index) < DIGITS):
        raise UsageError(f"--turn {turn!r} is not valid; write CONVERSATION:N, N counted from 0")
    return conversation, int(index)
