"""`convexplain explain`: what would have changed the scores of a run's turns."""

import asyncio
import math
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console

from convexplain.judges.noise import CHANGES, MIN_TURNS, noise_floor

from . import store as stores
from .calls import Calls
from .cli_options import (
    JUDGE_HELP,
    budget_option,
    db_option,
    infiller_option,
    open_store,
    out_option,
    search_option,
    seed_option,
)
from .contrast_display import SearchProgress, counted, show_contrast
from .contrasts import EditableTurns, Settings
from .display import plain
from .errors import UnavailableError, UsageError
from .explain import Explainer, Which, chosen_rubrics, explain, may_go_better, spread, write_contrasts
from .measuring import ASSUMED_NOISE
from .opening import Opened, searching
from .store import Run, RunStore, ScoredTurn
from .types import Contrast, Goal, Rubric

_DIGITS = 10  # no conversation has that many turns, and no store that many runs
_NOISE_CALLS = MIN_TURNS * (1 + len(CHANGES))


@dataclass(frozen=True, slots=True)
class _Order:
    """What is to be explained, and by which models; `left_out` says which turns cannot be, for want of a score."""

    store: RunStore
    run: Run
    rubrics: list[Rubric]
    turns: list[ScoredTurn]
    left_out: list[str]
    settings: Settings
    judge: str
    samples: int | None
    responder: str | None
    infiller: str
    measure_noise: bool


@click.command("explain")
@click.argument("run", type=click.IntRange(1, 10**_DIGITS // 10 - 1), required=False)
@click.option("--below", type=click.FloatRange(0, 1), metavar="SCORE", help="All turns that scored below that.")
@click.option("--turn", metavar="CONV:N", help="One turn: the conversation's id and the turn's index, from 0.")
@click.option(
    "--worst",
    type=click.IntRange(min=1),
    metavar="N",
    help="The N turns with the lowest scores on each maxim that have something to edit.  [default: 3]",
)
@click.option("--rubric", "rubrics", multiple=True, metavar="ID", help="Only that maxim of the run; may be repeated.")
@click.option("--judge", metavar="MODEL", help=f"{JUDGE_HELP}  [default: the run's own judge]")
@budget_option
@click.option(
    "--split-k", type=click.IntRange(min=1), metavar="K", help="Words in a unit.  [default: 1, more in very long texts]"
)
@click.option("--responder", metavar="MODEL", help="A model that answers edited contexts anew; named like a judge.")
@click.option("--revise", is_flag=True, help="Edit the judged turn itself, not the turns before it.")
@click.option(
    "--goal",
    type=click.Choice(["cross", "improve", "worsen"]),
    default="cross",
    show_default=True,
    help="Cross the threshold, or change the score by --delta.",
)
@click.option(
    "--delta",
    type=click.FloatRange(0, 1),
    metavar="D",
    help="How far beyond the threshold, or by how much.  [default: the judge's noise floor]",
)
@search_option
@infiller_option
@click.option(
    "--editable",
    type=click.Choice(["assistant", "user", "all"]),
    default="assistant",
    show_default=True,
    help="Whose earlier turns may be edited.",
)
@seed_option
@click.option(
    "--noise",
    is_flag=True,
    help=f"First measure the judge's noise floor on each maxim: {_NOISE_CALLS} judgements over {MIN_TURNS} turns.",
)
@out_option
@db_option
@click.option("--dry-run", is_flag=True, help="Say how much would be asked at most, and stop.")
def explain_command(
    run: int | None,
    below: float | None,
    turn: str | None,
    worst: int | None,
    rubrics: tuple[str, ...],
    judge: str | None,
    budget: int,
    split_k: int | None,
    responder: str | None,
    revise: bool,
    goal: Goal,
    delta: float | None,
    search: str,
    infiller: str,
    editable: EditableTurns,
    seed: int,
    noise: bool,
    out: Path,
    db: str | None,
    dry_run: bool,
) -> int:
    """Look for the smallest edit that would have changed the scores of a RUN's turns (its number; else the newest).

    The logged answer is judged again in edited contexts; with --responder it is given anew; with --revise it is edited
    itself. Contrasts are kept in the store: the same command goes on where it was stopped.

    \b
        convexplain explain --dry-run
        convexplain explain 3 --rubric helpfulness --worst 5
        convexplain explain --turn chat-17:5 --revise
        convexplain explain --below 0.3 --responder 'http://localhost:8000/v1?model=NAME'
    """
    if revise and responder:
        raise UsageError(
            "--responder: with --revise the judged turn itself is edited, so none is asked; name one of them"
        )
    if noise and delta is not None:
        raise UsageError("--noise: the noise floor is the default of --delta, which is given; name one of them")
    settings = Settings(
        goal=goal,
        delta=delta,
        budget=budget,
        search=search,
        revise=revise,
        editable=editable,
        split_k=split_k,
        seed=seed,
    )
    if below is not None and math.isnan(below):
        raise UsageError("--below nan is not valid; it must be in [0, 1]")
    which = Which(below, _place(turn), worst)
    store = open_store(db)
    found = store.run(run)
    chosen = chosen_rubrics(store, found, rubrics)
    turns = [item for rubric in chosen for item in which.turns(store, found.id, rubric, settings)]
    if turn and not turns:
        raise UsageError(f"--turn {turn}: run {found.id} has judged no such turn on {', '.join(r.id for r in chosen)}")
    order = _Order(
        store=store,
        run=found,
        rubrics=chosen,
        turns=[item for item in turns if item.score is not None],
        left_out=_left_out(store, found, chosen, turns, which),
        settings=settings,
        judge=judge or found.judge,
        samples=None if judge else found.settings.get("samples"),
        responder=responder,
        infiller=infiller,
        measure_noise=noise,
    )
    if not turns:
        click.echo(f"No turn of run {found.id} was chosen: none scored like that, or none has anything to edit.")
    if dry_run:
        return _dry_run(order)
    out.mkdir(parents=True, exist_ok=True)
    unscored = asyncio.run(_explain(order, out / "contrasts.jsonl"))
    return 1 if unscored or (turn and order.left_out) else 0


def _dry_run(order: _Order) -> int:
    count, most = len(order.turns), len(order.turns) * order.settings.budget
    text = f"Run {order.run.id}: {counted(count, 'turn')} to explain on {counted(len(order.rubrics), 'maxim')} with "
    text += f"{order.judge}: at most {most} edited contexts ({count} x {order.settings.budget})"
    text += f" for {order.responder} to answer and then to be judged." if order.responder else " to be judged."
    if order.measure_noise:
        text += f" Before, {_NOISE_CALLS * len(order.rubrics)} judgements for the noise floor."
    for line in [*order.left_out, f"{text} Nothing was asked."]:
        Console().print(plain(line), soft_wrap=True)
    return 0


async def _explain(order: _Order, file: Path) -> bool:
    """Whether something could not be scored."""
    console, notes = Console(), Console(stderr=True)
    for line in order.left_out:
        notes.print(plain(line), soft_wrap=True)
    found: list[Contrast] = []
    try:
        if order.turns:  # else no model is wanted
            await _search(order, found, console, notes)
    except UnavailableError:
        notes.print("What was found until here is kept.")
        raise
    finally:
        write_contrasts(found, file)
    crossed = counted(sum(contrast.found for contrast in found), "contrast")
    where = f"Contrasts: {file}   Store: {order.store.place}"
    console.print(plain(f"{crossed} for {counted(len(order.turns), 'turn')}.   {where}"), soft_wrap=True)
    return any(contrast.failed or may_go_better(contrast) for contrast in found)


async def _search(order: _Order, found: list[Contrast], console: Console, notes: Console) -> None:
    """Adds to `found` and shows what is found, one turn after the other."""
    progress = SearchProgress(notes, len(order.turns))

    def spent() -> None:
        progress.spent(models.spends)

    async with searching(order.judge, order.responder, order.infiller, order.store, spent) as models:
        explainer = await _explainer(order, models, notes)
        with progress:
            async for turn, contrast in explain(order.store, order.run.id, order.turns, explainer, progress.searching):
                found.append(contrast)
                with progress.explained():
                    show_contrast(console, turn, contrast, order.settings)


async def _explainer(order: _Order, models: Opened, notes: Console) -> Explainer:
    judge = models.judge.model.fingerprint
    if order.measure_noise:
        await _measure_noise(order, models.judge, notes)
    known = {rubric.sha: stores.noise_floor(order.store, judge, rubric, order.samples) for rubric in order.rubrics}
    if order.settings.delta is None and None in known.values():
        notes.print(
            f"The noise floor of this judge was not measured; {ASSUMED_NOISE} is taken. --noise measures it.",
            soft_wrap=True,
        )
    parts = {
        "judge": judge,
        "samples": order.samples,
        "responder": models.responder.model.fingerprint if models.responder else None,
        "infiller": models.infiller.fingerprint,
    }
    noise = {sha: value for sha, value in known.items() if value is not None}
    return Explainer(models.finder(order.samples), order.settings, parts, noise)


async def _measure_noise(order: _Order, calls: Calls, notes: Console) -> None:
    for rubric in order.rubrics:
        turns = spread(stores.scored_turns(order.store, order.run.id, rubric), MIN_TURNS)
        if len(turns) < MIN_TURNS:
            raise UsageError(
                f"--noise: run {order.run.id} has {len(turns)} scored turns on {rubric.id}; {MIN_TURNS} are needed"
            )
        notes.print(
            f"Measuring the noise floor on {rubric.id}: {len(turns) * (1 + len(CHANGES))} judgements.", soft_wrap=True
        )
        places = [(turn.conversation, turn.turn) for turn in turns]
        floor = await noise_floor(calls, rubric, places, samples=order.samples)
        judge = calls.model.fingerprint
        stores.keep_noise_floor(order.store, judge, rubric, floor.value, floor.turns, floor.n, order.samples)
        notes.print(f"It is {floor.value:.3f} ({floor.n} pairs).")


def _left_out(store: RunStore, run: Run, rubrics: list[Rubric], turns: list[ScoredTurn], which: Which) -> list[str]:
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


def _place(turn: str | None) -> tuple[str, int] | None:
    if turn is None:
        return None
    conversation, _, index = turn.rpartition(":")
    if not (conversation and index.isascii() and index.isdecimal() and len(index) < _DIGITS):
        raise UsageError(f"--turn {turn!r} is not valid; write CONVERSATION:N, N counted from 0")
    return conversation, int(index)
