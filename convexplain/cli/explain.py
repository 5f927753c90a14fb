"""`convexplain explain`: what the scores of a run's turns hang on, and what would have changed them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import click
from click.core import ParameterSource
from rich.console import Console

from convexplain.errors import UsageError
from convexplain.explain.attribution import AttributionSettings
from convexplain.explain.contrasts import ContrastSettings, EditableTurns
from convexplain.explain.explanations import TurnChoice, write_lines
from convexplain.explain.scalarizers import FILLS, Perturb
from convexplain.explain.wording import counted
from convexplain.search import ATTRIBUTION_METHODS, CONTRAST_SEARCHES, described
from convexplain.store import ScoredTurn
from convexplain.types import LEVELS, Attribution, Contrast, Goal, Level
from convexplain.workspace import PHRASE_NAMES, SCALARIZER_NAMES, AttributionTask, ContrastTask, Workspace
from convexplain.workspace.explanations import NOISE_CALLS, Scope, Task

from .options.judging import JUDGE_HELP
from .options.searching import infiller_option, search_option
from .options.store import MOST_NUMBER, db_option, open_workspace, out_option, progress_shown, run_argument, seed_option
from .show.attributions import show_attributions
from .show.contrasts import show_contrast
from .show.progress import plain

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
        levels = [level for name in names for level in LEVELS if name == level]
        if len(levels) != len(names):
            self.fail(f"{value!r} is not valid; valid are {', '.join(LEVELS)}, with commas between them", param, ctx)
        return tuple(levels)


@click.command("explain")
@click.pass_context
@run_argument
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
@click.option(
    "--method",
    type=click.Choice(ATTRIBUTION_METHODS.names),
    default="clime",
    show_default=True,
    help=f"With --attribute: how. {described(ATTRIBUTION_METHODS.records)}",
)
@click.option(
    "--scalarizer",
    default="judge",
    show_default=True,
    metavar="NAME",
    help="With --attribute: what is attributed: the judge's score (judge), the log-probability of the logged answer by"
    f" --responder or the judge's model (logprob), or how like its first answer the responder's new one is. One of:"
    f" {SCALARIZER_NAMES}.",
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
    help=f"With --attribute: what says where phrases begin, one of: {PHRASE_NAMES}.",
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
def command(
    ctx: click.Context,
    run: int | str | None,
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
    """Look for the smallest edit that would have changed the scores of a RUN's turns (number or name; else the newest).

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
    if below is not None and math.isnan(below):
        raise UsageError("--below nan is not valid; it must be in [0, 1]")
    arguments: dict[str, Any] = {"turns": TurnChoice(below, _place(turn), worst), "rubrics": rubrics, "judge": judge}
    arguments |= {"run": run, "responder": responder}
    if attribute:
        settings = AttributionSettings(method, levels, budget, top, share, k, perturb, response, seed)
        view: _View[Any] = _attributions(AttributionTask(settings, scalarizer, phrases))
    else:
        contrasting = ContrastSettings(
            goal=goal,
            delta=delta,
            budget=budget or _BUDGET,
            search=search,
            revise=revise,
            editable=editable,
            split_k=split_k,
            seed=seed,
        )
        view = _contrasts(ContrastTask(contrasting, prior))
    workspace = open_workspace(db)
    if dry_run:
        return _dry_run(workspace.plan_explanations(task=view.task, **arguments), view, responder, noise)
    out.mkdir(parents=True, exist_ok=True)
    return _explain(workspace, view, out, arguments | {"infiller": infiller, "measure_noise": noise})


@dataclass(frozen=True, slots=True)
class _View(Generic[T]):
    """How explanations of one kind are shown.

    Attributes:
        task: how turns are explained.
        file: name of the file that the explanations are written to.
        nothing: what a turn lacks that cannot be explained.
        most: says how much is asked at most for turns.
        show: shows one explanation.
        summary: says what came of all of them.
    """

    task: Task[T]
    file: str
    nothing: str
    most: Callable[[Sequence[ScoredTurn]], str]
    show: Callable[[Console, ScoredTurn, T], None]
    summary: Callable[[Sequence[T]], str]


def _contrasts(task: ContrastTask) -> _View[Contrast]:
    budget = task.settings.budget
    return _View(
        task,
        "contrasts.jsonl",
        "edit",
        lambda turns: f"{task.most(turns)} edited contexts ({len(turns)} x {budget})",
        lambda console, turn, contrast: show_contrast(console, turn, contrast, task.settings),
        lambda contrasts: (
            f"{counted(sum(contrast.found for contrast in contrasts), 'contrast')} for "
            f"{counted(len(contrasts), 'turn')}"
        ),
    )


def _attributions(task: AttributionTask) -> _View[list[Attribution]]:
    fills = f", each with up to {FILLS} fills" if task.settings.perturb == "infill" else ""

    def summary(turns: Sequence[list[Attribution]]) -> str:
        done = sum(any(level.full is not None and level.units for level in levels) for levels in turns)
        return f"{done} of {counted(len(turns), 'turn')} attributed"

    return _View(
        task,
        "attributions.jsonl",
        "attribute to",
        lambda turns: f"{task.most(turns)} perturbed conversations{fills}",
        lambda console, turn, levels: show_attributions(console, turn.conversation, levels, turn.rubric.threshold),
        summary,
    )


def _place(turn: str | None) -> tuple[str, int] | None:
    """The conversation and index of a turn that was named as `CONVERSATION:N`."""
    if turn is None:
        return None
    conversation, _, index = turn.rpartition(":")
    digits = index.isascii() and index.isdecimal() and len(index) <= len(str(MOST_NUMBER))
    if not (conversation and digits):
        raise UsageError(f"--turn {turn!r} is not valid; write CONVERSATION:N, N counted from 0")
    return conversation, int(index)


def _refuse(ctx: click.Context, attribute: bool) -> None:
    """Refuse options that mean nothing beside the others."""
    named = {name for name in ctx.params if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE}
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
    if not attribute and not CONTRAST_SEARCHES.get(chosen["search"]).uses_prior:
        reasons["prior"] = f"with --search {chosen['search']}, which has no use for it"
    for name, reason in reasons.items():
        if name in named:
            raise UsageError(f"--{name.replace('_', '-')} means nothing {reason}; leave it out")


def _dry_run(scopes: Sequence[Scope], view: _View[Any], responder: str | None, noise: bool) -> int:
    if not scopes[0].chosen:
        _say_none(scopes[0].run.id, view)
    console = Console()
    judged = f" for {responder} to answer and then to be judged." if responder else " to be judged."
    for note in scopes[0].notes:
        console.print(plain(note), soft_wrap=True)
    for scope in scopes:
        before = f" Before, {NOISE_CALLS * len(scope.rubrics)} judgements for the noise floor." if noise else ""
        text = (
            f"Run {scope.run.id}: {counted(len(scope.turns), 'turn')} to explain on "
            f"{counted(len(scope.rubrics), 'maxim')} with {scope.judge_name}: at most {view.most(scope.turns)}"
            f"{judged}{before} Nothing was asked."
        )
        console.print(plain(text), soft_wrap=True)
    return 0


def _say_none(run: int, view: _View[Any]) -> None:
    click.echo(f"No turn of run {run} was chosen: none scored like that, or none has anything to {view.nothing}.")


def _explain(workspace: Workspace, view: _View[T], out: Path, arguments: dict[str, Any]) -> int:
    console, progress, file = Console(), progress_shown(), out / view.file
    results: list[T] = []

    def show(turn: ScoredTurn, result: T) -> None:
        results.append(result)
        with progress.paused():
            view.show(console, turn, result)

    try:
        turns = workspace.explain_turns(task=view.task, on_result=show, progress=progress, **arguments)
    finally:
        if results:  # else what an earlier command wrote stays
            write_lines([body for result in results for body in view.task.bodies(result)], file)
    if not turns.chosen:
        _say_none(turns.run.id, view)
    where = f"{file.stem.capitalize()}: {file}   " if results else ""
    console.print(plain(f"{view.summary(results)}.   {where}Store: {workspace.store.place}"), soft_wrap=True)
    left_out = arguments["turns"].place is not None and turns.unscored
    return 1 if turns.failed or left_out else 0
