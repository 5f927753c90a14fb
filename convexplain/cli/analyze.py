"""`convexplain analyze`: every assistant turn of logs, judged on every chosen maxim."""

import time
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from convexplain.analysis.pipeline import Turns
from convexplain.analysis.runs import Plan
from convexplain.rubrics import HEADLINE
from convexplain.workspace import JudgeOptions, JudgeSpec, LogSettings, Workspace

from .options.judging import dry_run_option, judge_option, judging_options
from .options.logs import limit_option, reading_options
from .options.store import db_option, open_workspace, out_option, progress_shown
from .show.progress import plain
from .show.runs import show_summary


@click.command("analyze")
@click.argument("logs", nargs=-1, type=click.Path(path_type=Path), metavar="LOG...")
@click.option(
    "--stored",
    is_flag=False,
    flag_value="0",
    type=int,
    metavar="[RUN]",
    help="Judge conversations that are in the store already: those of a run, or all.",
)
@click.option(
    "--rubric",
    "rubrics",
    multiple=True,
    metavar="ID|FILE",
    help=f"A maxim, or a rubric file of your own; may be repeated.  [default: {', '.join(HEADLINE)}]",
)
@judge_option
@click.option(
    "--turns",
    type=click.Choice(["all", "last"]),
    default="all",
    show_default=True,
    help="Which assistant turns of a conversation.",
)
@db_option
@out_option
@reading_options
@limit_option
@judging_options()
@dry_run_option
def command(
    logs: tuple[Path, ...],
    stored: int | None,
    rubrics: tuple[str, ...],
    judge: str,
    turns: Turns,
    db: str | None,
    out: Path,
    reading: LogSettings,
    limit: int | None,
    judging: JudgeOptions,
    dry_run: bool,
) -> int:
    """Judge every assistant turn of the LOGs (files or folders) on every chosen maxim.

    Formats are recognised by content. A run that was stopped or killed goes on when the same command is given again;
    replies of the judge are kept, so nothing is asked twice.

    \b
        convexplain analyze chats.jsonl --dry-run
        convexplain analyze exports/ --rubric helpfulness --rubric manner_1
        convexplain analyze chats.csv --columns conversation=chat,role=who,content=msg
        convexplain analyze --stored 3 --judge 'http://localhost:8000/v1?model=NAME'
        convexplain analyze chats.jsonl --escalate 'http://localhost:8000/v1?model=NAME'
    """
    arguments: dict[str, Any] = {
        "logs": list(logs) or None,
        "rubrics": rubrics or HEADLINE,
        "judge": judge,
        "turns": turns,
        "stored": stored,
        "limit": limit,
        "settings": reading,
        **judging,
    }
    workspace = open_workspace(db)
    if dry_run:
        escalates = judging["escalate"] is not None or JudgeSpec.parse(judge).escalate is not None
        return _show_plan(workspace.plan(**arguments), len(rubrics or HEADLINE), escalates)
    return _analyze(workspace, out, arguments)


def _analyze(workspace: Workspace, out: Path, arguments: dict[str, Any]) -> int:
    out.mkdir(parents=True, exist_ok=True)
    console, began = Console(), time.monotonic()
    run = workspace.analyze(**arguments, progress=progress_shown())
    run.write_judgements(out / "judgements.jsonl")
    workspace.report(run.id, html=out / "report.html")
    show_summary(console, run.summary, time.monotonic() - began, worst=3)
    if run.escalated:
        console.print(plain(run.escalated), soft_wrap=True)
    console.print(
        plain(f"Report: {out / 'report.html'}   Judgements: {out / 'judgements.jsonl'}   Store: {run.store.place}"),
        soft_wrap=True,
    )
    return 1 if run.summary.problems or run.summary.unscored or not run.summary.turns else 0


def _show_plan(plan: Plan, rubrics: int, escalates: bool) -> int:
    notes = Console(stderr=True)
    for problem in plan.problems:
        notes.print(plain(f"! {problem}"), soft_wrap=True)
    later = " What --escalate adds is known only once the first judge has judged." if escalates else ""
    Console().print(
        f"{plan.conversations} conversations, {plan.turns} assistant turns, {rubrics} maxims: "
        f"{plan.judgements} judgements.\n"
        f"{plan.calls} calls to {plan.model} with about {plan.tokens:,} prompt tokens; "
        f"{plan.cached} more are in the cache. Nothing was asked.\n"
        f"A model that gives no log-probabilities takes {plan.samples} calls for a judgement.{later}",
        soft_wrap=True,
        markup=False,
    )
    return 1 if any(not problem.kept for problem in plan.problems) else 0
