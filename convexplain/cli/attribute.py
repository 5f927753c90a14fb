"""`convexplain attribute`: which turns, sentences and words raise or lower a score."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from convexplain.explain.explanations import TurnChoice
from convexplain.explain.scalarizers import FILLS
from convexplain.explain.settings import AttributionSettings, Perturb
from convexplain.explain.wording import counted
from convexplain.search import ATTRIBUTION_METHODS, described
from convexplain.types import LEVELS, Attribution, Level
from convexplain.workspace import PHRASE_NAMES, SCALARIZER_NAMES, AttributionTask, Cluster, FidelitySettings, Workspace

from .options.cluster import cluster_options
from .options.judging import dry_run_option, responder_option, run_judge_option
from .options.numbers import Count, Share
from .options.searching import infiller_option
from .options.store import db_option, open_workspace, out_option, progress_shown, run_argument, seed_option
from .options.turns import refuse, rubrics_option, turn_options
from .show.attributions import show_attributions
from .show.explained import ExplanationView, show_explained, show_plan
from .show.fidelity import show_fidelity


class _Levels(click.ParamType[tuple[Level, ...]]):
    """Levels of units, from coarse to fine, with commas between them."""

    name = "LEVELS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[Level, ...]:
        """Return the levels; their order is checked later."""
        if isinstance(value, tuple):
            return value
        names = [name.strip() for name in str(value).split(",")]
        levels = [level for name in names for level in LEVELS if name == level]
        if len(levels) != len(names):
            self.fail(f"{value!r} is not valid; valid are {', '.join(LEVELS)}, with commas between them", param, ctx)
        return tuple(levels)


@click.command("attribute")
@click.pass_context
@run_argument
@turn_options
@rubrics_option
@run_judge_option
@responder_option
@click.option(
    "--levels",
    type=_Levels(),
    default=("turn", "sentence", "phrase"),
    metavar="LEVELS",
    help="The units, from coarse to fine; of each level the top units are divided further. The judged reply is divided"
    " into the units that are finer than a turn.  [default: turn,sentence,phrase; valid besides: word]",
)
@click.option(
    "--method",
    type=click.Choice(ATTRIBUTION_METHODS.names),
    default="clime",
    show_default=True,
    help=f"The attribution method. {described(ATTRIBUTION_METHODS.records)}",
)
@click.option(
    "--mixed",
    is_flag=True,
    help="One ranking: the parts of the top units are attributed to together with the undivided units. Without it each"
    " level has a ranking of its own.",
)
@click.option(
    "--target",
    metavar="TEXT",
    help="With --turn: explain this text of the reply (a sentence, a claim) in the place of the reply. It has to occur"
    " once in it. The judge judges the text alone; logprob is its log-probability after all that stands before it.",
)
@click.option("--budget", type=Count(min=1), metavar="N", help="Calls for each turn.  [default: 3 a unit]")
@click.option(
    "--top", type=Count(min=1), default=2, show_default=True, help="Units of a level that are divided further."
)
@click.option(
    "--share",
    type=Share(min_open=True),
    metavar="S",
    help="Instead of --top: divide as many units as have that share of the whole effect.",
)
@click.option("--k", type=Count(min=1), default=3, show_default=True, help="With --method joint: units taken together.")
@click.option(
    "--perturb",
    type=click.Choice(["remove", "placeholder", "infill"]),
    default="remove",
    show_default=True,
    help="Leave a unit out, put a placeholder in its place, or other words.",
)
@infiller_option
@click.option(
    "--phrases",
    default="rules",
    show_default=True,
    metavar="NAME",
    help=f"The parser that finds phrases, one of: {PHRASE_NAMES}.",
)
@click.option(
    "--scalarizer",
    default="judge",
    show_default=True,
    metavar="NAME",
    help="The number that is attributed: the judge's score (judge), the log-probability of the logged answer by"
    " --responder or the judge's model (logprob), or how similar the responder's new answer is to its first one."
    f" One of: {SCALARIZER_NAMES}.",
)
@click.option(
    "--check",
    is_flag=True,
    help="Then measure how faithful the attributions of these turns are: does the score move without the top units?",
)
@seed_option
@out_option
@db_option
@cluster_options
@dry_run_option
def command(
    ctx: click.Context,
    run: int | str | None,
    turns: TurnChoice,
    rubrics: tuple[str, ...],
    judge: str | None,
    responder: str | None,
    levels: tuple[Level, ...],
    method: str,
    mixed: bool,
    target: str | None,
    budget: int | None,
    top: int,
    share: float | None,
    k: int,
    perturb: Perturb,
    infiller: str,
    phrases: str,
    scalarizer: str,
    check: bool,
    seed: int,
    out: Path,
    db: str | None,
    cluster: Cluster | None,
    dry_run: bool,
) -> int:
    """Say which turns, sentences and words raise or lower scores.

    RUN is a number or a name; the newest run unless given. Units of the earlier turns and of the judged reply are left
    out one by one and two by two, and the turn is judged again. What the score loses without a unit is that unit's
    effect. With --responder, and with another --scalarizer than judge, the reply is not divided: it is another one each
    time, or its value falls with its length. Results are kept in the store, so the same command goes on where it was
    stopped.

    With --check also a table: the units that an attribution ranks first are removed, one after the other. AUPC is the
    mean movement of the score up to half of the words (higher is better), beside a random order, length and position.

    \b
        convexplain attribute
        convexplain attribute 3 --turn chat-17:5 --levels turn,sentence,word
        convexplain attribute 3 --turn chat-17:5 --target "It left our depot on Monday." --mixed
        convexplain attribute --worst 20 --method loo --check
    """
    unused = {} if method == "joint" else {"k": "without --method joint"}
    unused |= {} if perturb == "infill" else {"infiller": "without --perturb infill"}
    unused |= {} if share is None else {"top": "with --share"}
    unused |= {} if len(levels) > 1 else dict.fromkeys(("top", "share", "mixed"), "with one level")
    unused |= {} if "phrase" in levels else {"phrases": "without the level phrase"}
    unused |= {} if turns.place is not None else {"target": "without --turn"}
    unused |= {"check": "with --target"} if target is not None else {}
    unused |= {"check": "with another --scalarizer than judge"} if scalarizer != "judge" else {}
    refuse(ctx, unused)
    task = AttributionTask(
        AttributionSettings(method, levels, budget, top, share, k, perturb, seed, mixed, target), scalarizer, phrases
    ).resolved(responder is not None)
    view = _view(task)
    chosen: dict[str, Any] = {"run": run, "turns": turns, "rubrics": rubrics, "judge": judge, "responder": responder}
    workspace = open_workspace(db)
    if dry_run:
        code = show_plan(workspace.plan_explanations(task=task, infiller=infiller, **chosen), view, responder)
        if check:
            click.echo("--check asks about as much again for each order of the units that it compares.")
        return code
    code = show_explained(workspace, view, out, {**chosen, "infiller": infiller, "cluster": cluster})
    if check:
        _measure_fidelity(workspace, task, {**chosen, "infiller": infiller})
    return code


def _measure_fidelity(workspace: Workspace, task: AttributionTask, chosen: dict[str, Any]) -> None:
    """Measure and show how faithful the attributions of the chosen turns are; nothing where none was explained."""
    scopes = workspace.plan_explanations(task=task, **chosen)
    if explained := [turn for scope in scopes for turn in scope.turns]:
        level = "mixed" if task.settings.mixed else task.settings.levels[0]
        settings = FidelitySettings(level=level, seed=task.settings.seed)
        fidelity = workspace.fidelity(
            chosen["run"],
            chosen["judge"],
            chosen["responder"],
            turns=explained,
            settings=settings,
            progress=progress_shown(),
        )
        show_fidelity(Console(), fidelity, settings)


def _view(task: AttributionTask) -> ExplanationView[list[Attribution]]:
    fills = f", each with up to {FILLS} fills" if task.settings.perturb == "infill" else ""

    def summary(turns: Sequence[list[Attribution]]) -> str:
        done = sum(any(level.full is not None and level.units for level in levels) for levels in turns)
        return f"{done} of {counted(len(turns), 'turn')} attributed"

    return ExplanationView(
        task,
        "attributions.jsonl",
        "attribute to",
        lambda turns: f"{task.most(turns)} perturbed conversations{fills}",
        lambda console, turn, levels, trust: show_attributions(
            console, turn.conversation, levels, turn.rubric.threshold, trust
        ),
        summary,
    )
