"""`convexplain explain`: what the scores of a run's turns hang on, and what would have changed them."""

import asyncio
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
from click.core import ParameterSource
from rich.console import Console

from convexplain.cli.show.contrasts import SearchProgress
from convexplain.cli.show.runs import plain
from convexplain.connectors.parsers import PHRASES
from convexplain.errors import UnavailableError, UsageError
from convexplain.explain.attribution import AttributionSettings
from convexplain.explain.contrasts import EditableTurns, Settings
from convexplain.explain.explanations import Which, chosen_rubrics, explain, write_lines
from convexplain.explain.scalarizers import Perturb
from convexplain.explain.wording import counted
from convexplain.search import METHODS
from convexplain.types import LEVELS, Goal, Level
from convexplain.workspace.build import SCALARIZERS, check_scalarizer, searching

from .judging import scale_lost
from .options import JUDGE_HELP, db_option, infiller_option, open_store, out_option, search_option, seed_option
from .order import DIGITS, NOISE_CALLS, Order, left_out, nothing_to_do, place
from .tasks import AttributionTask, ContrastTask, Task

T = TypeVar("T")

_BUDGET = 50
_ATTRIBUTING = ("method", "scalarizer", "phrases", "levels", "top", "share", "k", "perturb", "response")
_CONTRASTING = ("split_k", "revise", "goal", "delta", "search", "editable", "prior")


class _Levels(click.ParamType[tuple[Level, ...]]):
    """Levels of units, from coarse to fine, with commas between them."""

    name = "LEVELS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Level, ...]:
        """The levels; whether they are in order is seen later."""
        if isinstance(value, tuple):
            return value
        names = [name.strip() for name in str(value).split(",")]
        found = [level for name in names for level in LEVELS if name == level]
        if len(found) != len(names):
            self.fail(f"{value!r} is not valid; valid are {', '.join(LEVELS)}, with commas between them", param, ctx)
        return tuple(found)


@click.command("explain")
@click.pass_context
@click.argument("run", type=click.IntRange(1, 10**DIGITS // 10 - 1), required=False)
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
@click.option(
    "--budget",
    type=click.IntRange(min=1),
    metavar="N",
    help=f"Calls for each turn at most.  [default: {_BUDGET}; with --attribute 3 for each unit]",
)
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
@click.option("--prior", is_flag=True, help="Look first where the turn's kept attribution points (see --attribute).")
@click.option("--attribute", is_flag=True, help="Say what the score hangs on, not what would have changed it.")
@click.option("--method", type=click.Choice(METHODS), default="clime", show_default=True, help="With --attribute: how.")
@click.option(
    "--scalarizer",
    default="judge",
    show_default=True,
    metavar="NAME",
    help="With --attribute: what is attributed: the judge's score (judge), the log-probability of the logged answer by"
    f" --responder or the judge's model (logprob), or how like its first answer the responder's new one is. One of:"
    f" {SCALARIZERS}.",
)
@click.option(
    "--levels",
    type=_Levels(),
    default=("turn", "sentence", "phrase"),
    metavar="LEVELS",
    help="With --attribute: what units there are, from coarse to fine; only the top units of a level are refined."
    "  [default: turn,sentence,phrase; valid besides: word]",
)
@click.option(
    "--phrases",
    default="rules",
    show_default=True,
    metavar="NAME",
    help=f"With --attribute: what says where phrases begin, one of: {PHRASES}.",
)
@click.option(
    "--top", type=click.IntRange(min=1), default=2, show_default=True, help="With --attribute: units that are refined."
)
@click.option(
    "--share",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="S",
    help="With --attribute: refine as many units as have that share of all that speaks for the score, not --top many.",
)
@click.option(
    "--k", type=click.IntRange(min=1), default=3, show_default=True, help="With --method joint: units taken together."
)
@click.option(
    "--perturb",
    type=click.Choice(["remove", "placeholder", "infill"]),
    default="remove",
    show_default=True,
    help="With --attribute: what becomes of a unit.",
)
@click.option("--response", is_flag=True, help="With --attribute: also to the parts of the judged turn itself.")
@seed_option
@click.option(
    "--noise",
    is_flag=True,
    help=f"First measure the judge's noise floor on each maxim: {NOISE_CALLS} judgements a maxim.",
)
@out_option
@db_option
@click.option("--dry-run", is_flag=True, help="Say how much would be asked at most, and stop.")
def explain_command(
    ctx: click.Context,
    run: int | None,
    below: float | None,
    turn: str | None,
    worst: int | None,
    rubrics: tuple[str, ...],
    judge: str | None,
    budget: int | None,
    split_k: int | None,
    responder: str | None,
    revise: bool,
    goal: Goal,
    delta: float | None,
    search: str,
    infiller: str,
    editable: EditableTurns,
    prior: bool,
    attribute: bool,
    method: str,
    scalarizer: str,
    phrases: str,
    levels: tuple[Level, ...],
    top: int,
    share: float | None,
    k: int,
    perturb: Perturb,
    response: bool,
    seed: int,
    noise: bool,
    out: Path,
    db: str | None,
    dry_run: bool,
) -> int:
    """Look for the smallest edit that would have changed the scores of a RUN's turns (its number; else the newest).

    The logged answer is judged again in edited contexts; with --responder it is given anew; with --revise it is edited
    itself. With --attribute nothing is edited: turns, sentences and phrases are taken out, to see what the score hangs
    on. What is found is kept in the store: the same command goes on where it was stopped.

    \b
        convexplain explain --dry-run
        convexplain explain 3 --rubric helpfulness --worst 5
        convexplain explain --turn chat-17:5 --revise
        convexplain explain --turn chat-17:5 --attribute --levels turn,sentence,word
        convexplain explain --below 0.3 --responder 'http://localhost:8000/v1?model=NAME'
    """
    if revise and responder:
        raise UsageError(
            "--responder: with --revise the judged turn itself is edited, so none is asked; name one of them"
        )
    if noise and delta is not None:
        raise UsageError("--noise: the noise floor is the default of --delta, which is given; name one of them")
    _refuse(ctx, attribute)
    task: Task[Any] = (
        AttributionTask(
            AttributionSettings(method, levels, budget, top, share, k, perturb, response, seed), scalarizer, phrases
        )
        if attribute
        else ContrastTask(
            Settings(
                goal=goal,
                delta=delta,
                budget=budget or _BUDGET,
                search=search,
                revise=revise,
                editable=editable,
                split_k=split_k,
                seed=seed,
            ),
            prior,
        )
    )
    if below is not None and math.isnan(below):
        raise UsageError("--below nan is not valid; it must be in [0, 1]")
    which = Which(below, place(turn), worst)
    store = open_store(db)
    found = store.run(run)
    chosen = chosen_rubrics(store, found, rubrics)
    turns = [item for rubric in chosen for item in which.turns(store, found.id, rubric, task.settings)]
    if turn and not turns:
        raise UsageError(f"--turn {turn}: run {found.id} has judged no such turn on {', '.join(r.id for r in chosen)}")
    scored = [item for item in turns if item.score is not None]
    explicable = [item for item in scored if task.settings.turns(item.conversation, item.turn)]
    order = Order(
        store=store,
        run=found,
        rubrics=chosen,
        turns=explicable,
        left_out=[*left_out(store, found, chosen, turns, which), *nothing_to_do(scored, explicable, task.nothing)],
        judge=judge or found.judge,
        samples=None if judge else found.settings.get("samples"),
        responder=responder,
        infiller=infiller if not attribute or perturb == "infill" else None,
        measure_noise=noise,
    )
    if not turns:
        what = "attribute to" if attribute else "edit"
        click.echo(f"No turn of run {found.id} was chosen: none scored like that, or none has anything to {what}.")
    orders = order.by_judge if judge is None and "escalate" in found.settings else [order]
    if dry_run:
        return _dry_run(orders, task)
    out.mkdir(parents=True, exist_ok=True)
    unscored = asyncio.run(_explain(orders, task, out / task.file))
    return 1 if unscored or (turn and len(scored) < len(turns)) else 0


def _refuse(ctx: click.Context, attribute: bool) -> None:
    """Options that were given and mean nothing."""
    given = {name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
    chosen, other = ctx.params, "with" if attribute else "without"
    reasons = dict.fromkeys(_CONTRASTING if attribute else _ATTRIBUTING, f"{other} --attribute")
    if attribute and chosen["method"] != "joint":
        reasons["k"] = "without --method joint"
    if attribute and chosen["perturb"] != "infill":
        reasons["infiller"] = "without --perturb infill"
    if attribute and chosen["scalarizer"] != "judge":
        reasons["noise"] = "with another scalarizer than the judge"
    if chosen["share"] is not None:
        reasons["top"] = "with --share"
    if not attribute and chosen["revise"]:
        reasons["editable"] = "with --revise, which edits the judged turn"
    if not attribute and chosen["search"] == "cell":
        reasons["prior"] = "with --search cell, which asks for every unit"
    for name, reason in reasons.items():
        if name in given:
            raise UsageError(f"--{name.replace('_', '-')} means nothing {reason}; leave it out")
    if attribute:
        check_scalarizer(chosen["scalarizer"], chosen["responder"] is not None)


def _dry_run(orders: Sequence[Order], task: Task[Any]) -> int:
    for line in [*orders[0].left_out, *(_most(order, task) for order in orders)]:
        Console().print(plain(line), soft_wrap=True)
    return 0


def _most(order: Order, task: Task[Any]) -> str:
    text = f"Run {order.run.id}: {counted(len(order.turns), 'turn')} to explain on "
    text += f"{counted(len(order.rubrics), 'maxim')} with {order.judge}: {task.most(order.turns)}"
    text += f" for {order.responder} to answer and then to be judged." if order.responder else " to be judged."
    if order.measure_noise:
        text += f" Before, {NOISE_CALLS * len(order.rubrics)} judgements for the noise floor."
    return f"{text} Nothing was asked."


async def _explain(orders: Sequence[Order], task: Task[T], file: Path) -> bool:
    """Whether something could not be scored."""
    console, notes = Console(), Console(stderr=True)
    for line in orders[0].left_out:
        notes.print(plain(line), soft_wrap=True)
    found: list[T] = []
    try:
        for order in orders:
            if order.turns:  # else no model is wanted
                await _search(order, task, found, console, notes)
    except UnavailableError:
        notes.print("What was found until here is kept.")
        raise
    finally:
        if found:  # else what an earlier command wrote stays
            write_lines([body for one in found for body in task.bodies(one)], file)
    where = f"{file.stem.capitalize()}: {file}   " if found else ""
    where += f"Store: {orders[0].store.place}"
    turns = sum(len(order.turns) for order in orders)
    console.print(plain(f"{task.summary(found, turns)}.   {where}"), soft_wrap=True)
    return any(map(task.failed, found))


async def _search(order: Order, task: Task[T], found: list[T], console: Console, notes: Console) -> None:
    """Adds to `found` and shows what is found, one turn after the other."""
    progress = SearchProgress(notes, len(order.turns))

    def spent() -> None:
        progress.spent(models.spends)

    async with searching(order.judge, order.responder, order.infiller, order.store, spent) as models:
        if note := scale_lost(order.run, models.judge.model, order.samples):
            notes.print(plain(note), soft_wrap=True)
        explainer = await task.explainer(order, models, notes)
        with progress:
            async for turn, one in explain(order.turns, explainer, progress.searching):
                found.append(one)
                with progress.explained():
                    task.show(console, turn, one)
