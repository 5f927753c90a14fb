"""`convexplain contrast`: the smallest edit that would have changed a score, or a model's answer to a prompt."""

from pathlib import Path
from typing import Any, cast

import click

from convexplain.errors import UsageError
from convexplain.explain.explanations import TurnChoice
from convexplain.explain.settings import ContrastSettings, EditableTurns
from convexplain.explain.wording import counted
from convexplain.search import CONTRAST_SEARCHES, offered_searches
from convexplain.search.similarity import Similarity
from convexplain.types import Contrast, Goal, Question
from convexplain.workspace import Cluster, ContrastTask

from .options.cluster import cluster_options
from .options.judging import JUDGE_HELP, dry_run_option, responder_option
from .options.numbers import Count
from .options.prompts import (
    PromptArguments,
    baseline_option,
    context_option,
    prompt_option,
    prompts_option,
    score_option,
    system_option,
)
from .options.searching import (
    alpha_option,
    any_text_option,
    budget_option,
    editor_option,
    infiller_option,
    keep_option,
    pareto_option,
    placebo_option,
    radius_option,
    search_option,
    similarity_option,
)
from .options.store import db_option, open_workspace, out_option, run_argument, seed_option
from .options.turns import refuse, rubrics_option, turn_options
from .show.contrasts import show_contrast
from .show.explained import ExplanationView, show_explained, show_plan

_DELTA = 0.5
_RUN_OPTIONS = [
    *("run", "turn", "below", "worst", "rubrics", "question", "goal", "editable", "prior"),
    *("editors", "any_text", "placebo", "keep", "pareto", "ray_address"),
]
_HOLE_OPTIONS = ("infiller", "split_k")
_PROMPT_OPTIONS = ("score", "baseline", "system", "context")


@click.command("contrast")
@click.pass_context
@run_argument
@turn_options
@rubrics_option
@click.option(
    "--judge",
    metavar="MODEL",
    help=f"{JUDGE_HELP}  [default: the run's own judge] With --prompt or --prompts: a chat model that says, in both"
    " orders, whether the first answer and the baseline's are more helpful than the contrast's; no default.",
)
@responder_option
@click.option(
    "--question",
    type=click.Choice(["revise", "regenerate", "rescore"]),
    help="revise: edit the judged turn. regenerate: edit earlier turns, and --responder answers again. rescore: edit"
    " earlier turns, and keep the logged answer.  [default: revise; with --responder regenerate]",
)
@click.option(
    "--goal",
    type=click.Choice(["cross", "improve", "worsen"]),
    default="cross",
    show_default=True,
    help="Cross the threshold, or improve or worsen the score by --delta.",
)
@click.option(
    "--delta",
    type=float,
    metavar="D",
    help="How far beyond the threshold, or by how much.  [default: the judge's noise floor, 0.1 where it was not"
    f" measured; with --responder the noise of both; with --prompt {_DELTA}]",
)
@click.option(
    "--editable",
    type=click.Choice(["assistant", "user", "all"]),
    default="assistant",
    show_default=True,
    help="The earlier turns that may be edited (not with --question revise).",
)
@keep_option
@pareto_option
@click.option("--prior", is_flag=True, help="Look first at the words that `convexplain attribute` ranked highest.")
@prompt_option
@prompts_option
@system_option
@context_option
@score_option
@baseline_option
@budget_option
@click.option(
    "--split-k",
    type=Count(min=1),
    metavar="K",
    help="For searches that edit single words: words in a unit.  [default: 1, more in long texts; with --prompt 3]",
)
@search_option
@alpha_option
@radius_option
@similarity_option
@editor_option
@any_text_option
@placebo_option
@infiller_option
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
    question: Question | None,
    goal: Goal,
    delta: float | None,
    editable: EditableTurns,
    keep: tuple[str, ...],
    pareto: bool,
    prior: bool,
    prompt: str | None,
    prompts: Path | None,
    system: str | None,
    context: str | None,
    score: str | None,
    baseline: bool,
    budget: int,
    split_k: int | None,
    search: str | None,
    alpha: float,
    radius: int | None,
    similarity: Similarity,
    editors: tuple[str, ...],
    any_text: bool,
    placebo: int,
    infiller: str,
    seed: int,
    out: Path,
    db: str | None,
    cluster: Cluster | None,
    dry_run: bool,
) -> int:
    """Find the smallest edit that moves a score over its threshold.

    RUN is a number or a name; the newest run unless given. Contrasts are kept in the store, so the same command goes on
    where it was stopped; `convexplain export` makes training data of those that you accept.

    With --prompt: the smallest edit of a prompt that makes a model's answer contrary to its first one, or worse. With
    --prompts: of each prompt of a file, with a table, as for red teaming.

    \b
        convexplain contrast --dry-run
        convexplain contrast 3 --rubric helpfulness --worst 5
        convexplain contrast --worst 5 --rubric helpfulness --keep harm,informativeness
        convexplain contrast --below 0.3 --responder 'http://localhost:8000/v1?model=NAME'
        convexplain contrast --prompt question.txt --score contradiction --responder openai:gpt-4.1-mini
        convexplain contrast --prompts attacks.txt --context policy.txt --score contradiction --responder ollama:NAME
    """
    search = search or ("guided" if prompt or prompts else "natural")
    options: dict[str, Any] = {"search": search, "budget": budget, "seed": seed, "similarity": similarity}
    lacking = {"alpha", "radius"} - set(CONTRAST_SEARCHES.get(search).options)
    refuse(ctx, dict.fromkeys(lacking, f"with --search {search}; only --search cell_budget has it"))
    options |= {"alpha": alpha} | ({} if radius is None else {"radius": radius})
    if prompt or prompts:
        _check_prompts(ctx, prompt, prompts, search)
        if score is None or responder is None:
            raise UsageError("--prompt needs --score and --responder: what the answer must become, and whose answer")
        arguments = PromptArguments(
            score, responder, _DELTA if delta is None else delta, baseline, judge, system, context, db, dry_run,
            {**options, "infiller": infiller, "split_k": split_k or 3},
        )  # fmt: skip
        return arguments.contrast_one(prompt) if prompt else arguments.contrast_many(cast(Path, prompts), out)
    question = question or ("regenerate" if responder else "revise")
    _check(ctx, question, responder, search, delta, editors)
    if pareto and not keep:
        raise UsageError("--pareto needs --keep: the maxims that the changed one is weighed against")
    settings = ContrastSettings(
        goal=goal, delta=delta, question=question, editable=editable, split_k=split_k, any_text=any_text,
        placebo=placebo, keep=tuple(name for names in keep for name in names.split(",")), pareto=pareto,
        **options,
    )  # fmt: skip
    view = _view(ContrastTask(settings, prior))
    chosen: dict[str, Any] = {"run": run, "turns": turns, "rubrics": rubrics, "judge": judge, "responder": responder}
    workspace = open_workspace(db)
    if dry_run:
        scopes = workspace.plan_explanations(task=view.task, infiller=infiller, editors=editors or None, **chosen)
        return show_plan(scopes, view, responder)
    means = {"infiller": infiller, "editors": editors or None, "cluster": cluster}
    return show_explained(workspace, view, out, {**chosen, **means})


def _check_prompts(ctx: click.Context, prompt: str | None, prompts: Path | None, search: str) -> None:
    """Refuse options that do not fit prompts."""
    refuse(ctx, dict.fromkeys([*_RUN_OPTIONS, *(["out"] if prompt else [])], "with --prompt or --prompts"))
    if prompt and prompts:
        raise UsageError("--prompt and --prompts: name one of them")
    if CONTRAST_SEARCHES.get(search).proposes:
        names = ", ".join(each.name for each in offered_searches() if not each.proposes)
        raise UsageError(f"--search {search} edits conversations; with --prompt choose one of {names}")


def _check(
    ctx: click.Context,
    question: Question,
    responder: str | None,
    search: str,
    delta: float | None,
    editors: tuple[str, ...],
) -> None:
    """Refuse options that do not fit a question about judged turns."""
    if responder is None and question == "regenerate":
        raise UsageError("--question regenerate needs --responder: the model that answers the edited conversation")
    if responder is not None and question != "regenerate":
        raise UsageError(f"--responder: with --question {question} no model answers again; leave one of them out")
    if delta is not None and not 0 <= delta <= 1:
        raise UsageError(f"--delta {delta} is not valid; it must be in [0, 1]")
    unused = dict.fromkeys(_PROMPT_OPTIONS, "without --prompt or --prompts")
    unused |= {"editable": "with --question revise, which edits the judged turn"} if question == "revise" else {}
    if CONTRAST_SEARCHES.get(search).proposes:
        unused |= dict.fromkeys(_HOLE_OPTIONS, f"with --search {search}, which fills no holes")
        if "infill" in editors:
            del unused["infiller"]
    else:
        unused["editors"] = f"with --search {search}, which fills holes"
    if not CONTRAST_SEARCHES.get(search).uses_prior:
        unused["prior"] = f"with --search {search}, which has no use for it"
    refuse(ctx, unused)


def _view(task: ContrastTask) -> ExplanationView[Contrast]:
    each, maxims = task.settings.most_calls, ", with those for kept maxims" if task.settings.keep else ""
    return ExplanationView(
        task,
        "contrasts.jsonl",
        "edit",
        lambda turns: f"{task.most(turns)} edited contexts ({len(turns)} x {each}{maxims})",
        show_contrast,
        lambda contrasts: (
            f"{counted(sum(contrast.found for contrast in contrasts), 'contrast')} for "
            f"{counted(len(contrasts), 'turn')}"
        ),
    )
