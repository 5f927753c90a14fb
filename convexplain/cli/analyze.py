"""`convexplain analyze`: every assistant turn of logs, judged on every chosen maxim."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from convexplain.analysis.pipeline import Turns
from convexplain.analysis.plans import Plan
from convexplain.rubrics import HEADLINE
from convexplain.workspace import Cluster, JudgeOptions, JudgeSpec, LogSettings
from convexplain.workspace.findings import explanation_cost

from .options.cluster import sharding_options
from .options.judging import dry_run_option, judge_option, judge_or_default, judging_options
from .options.logs import LogPath, limit_option, reading_options
from .options.numbers import Count, Percentage
from .options.sampling import SampleArguments, sample_options
from .options.store import STORED_RUN, db_option, named_store, open_workspace, out_option
from .show.analysis import AnalysisCommand, mean_limits
from .show.progress import cut, plain

_REASON = 200  # characters of why a log could not be read


@click.command("analyze")
@click.pass_context
@click.argument("logs", nargs=-1, type=LogPath(urls=True), metavar="LOG...")
@click.option(
    "--stored",
    is_flag=False,
    flag_value="0",
    type=STORED_RUN,
    metavar="[RUN]",
    help="Judge conversations that are in the store already: those of a run, or all.",
)
@click.option(
    "--rubric",
    "rubrics",
    multiple=True,
    metavar="ID|FILE",
    help="A maxim, or a rubric file of your own; may be repeated. Unless given, maxims are left out on which the judge "
    f"is known to be no better than chance or length.  [default: {', '.join(HEADLINE)}]",
)
@judge_option
@click.option(
    "--turns",
    type=click.Choice(["all", "last"]),
    default="all",
    show_default=True,
    help="Which assistant turns of a conversation; a maxim of conversations judges each conversation once.",
)
@click.option(
    "--name", metavar="TEXT", help="Name the run: commands take it in place of the number, as `runs name` gives one."
)
@db_option
@out_option
@reading_options
@limit_option
@sample_options
@judging_options()
@click.option(
    "--alarms",
    type=Percentage(),
    metavar="SHARE",
    help="Flag by a budget: so many of ordinary turns, the lowest (5%), in place of the rubrics' thresholds.",
)
@click.option(
    "--fail-under",
    multiple=True,
    metavar="ID=SCORE",
    help="Exit with 3 where the mean score of that maxim is lower, or no turn has one; may be repeated.",
)
@click.option(
    "--explain",
    type=Count(min=0),
    default=3,
    show_default=True,
    metavar="N",
    help="Explain the N worst turns afterwards, each by at most 24 evaluations of the judge; 0 explains none.",
)
@sharding_options
@dry_run_option
def command(
    ctx: click.Context,
    logs: tuple[Path | str, ...],
    stored: int | str | None,
    rubrics: tuple[str, ...],
    judge: str | None,
    turns: Turns,
    name: str | None,
    db: str | None,
    out: Path,
    reading: LogSettings,
    limit: int | None,
    sampling: SampleArguments,
    judging: JudgeOptions,
    alarms: float | None,
    fail_under: Sequence[str],
    explain: int,
    cluster: Cluster | None,
    dry_run: bool,
) -> int:
    """Score every assistant turn of chat logs.

    Each LOG is a file, a folder, a URL (s3://…, with the extra 'ray'), or - for the standard input; its format is
    recognised by content. Every assistant turn is judged on every chosen maxim. A run that was stopped or killed goes
    on when the same command is given again; replies of the judge are kept, so nothing is asked twice. --sample judges a
    random part of a large log and says how sure each figure is; --ray judges on several machines. At the end the worst
    turns are explained (--explain): which words and earlier turns the score depends on, and which edit changes it. The
    files of a run go to DIR/run-NUMBER: a report, the judgements and explanations as JSON lines, and the scores as a
    table (CSV, and Excel with the extra 'logs').

    \b
        convexplain analyze chats.jsonl --dry-run
        convexplain analyze exports/ --rubric helpfulness --rubric manner_1
        zcat chats.jsonl.gz | convexplain analyze -
        convexplain analyze chats.csv --map 'id=chat, role=who, content=msg'
        convexplain analyze --stored 3 --judge 'http://localhost:8000/v1?model=NAME'
        convexplain analyze big.jsonl --judge embedded --escalate mixtral
        convexplain analyze chats.jsonl --name 'week 12'
        convexplain analyze big.jsonl --sample 500 --strata source,bot
        convexplain analyze chats.jsonl --alarms 5%
        convexplain analyze chats.jsonl --fail-under helpfulness=0.7 --fail-under harm=0.9
        convexplain analyze s3://bucket/logs --ray 10.0.0.5:6379 --ray-folder s3://bucket/shards

    \b
    Exit codes:
        0    every turn was read and scored
        1    something could not be read or scored, or the run was stopped by an error
        2    an option or argument is not valid; nothing was asked
        3    a mean score is under --fail-under
        130  stopped by Ctrl-C (143: by SIGTERM)
    """
    limits = mean_limits(fail_under, rubrics or HEADLINE)
    judge = judge_or_default(judge)
    arguments: dict[str, Any] = {
        "logs": list(logs) or None,
        "rubrics": rubrics or HEADLINE,
        "judge": judge,
        "turns": turns,
        "stored": stored,
        "limit": limit,
        "settings": reading,
        **sampling,
        **judging,
    }
    workspace = open_workspace(db)
    if dry_run:
        escalates = judging["escalate"] is not None or JudgeSpec.parse(judge).escalate is not None
        return _show_plan(workspace.plan(**arguments), len(rubrics or HEADLINE), escalates, explain)
    arguments |= {"name": name, "alarms": alarms, "explain": explain, "cluster": cluster}
    return AnalysisCommand(workspace, out, limits, named_store(ctx)).run(arguments)


def _show_plan(plan: Plan, rubrics: int, escalates: bool, explain: int) -> int:
    notes = Console(stderr=True)
    for problem in plan.problems:
        notes.print(plain(f"! {problem}"), soft_wrap=True)
    unread = [problem for problem in plan.problems if not problem.kept]
    if not plan.conversations:
        reasons = f": {(unread or plan.problems)[0]}" if plan.problems else ""
        notes.print(plain(f"Exit code 1: nothing was asked; no conversation could be read{reasons}"), soft_wrap=True)
        return 1
    cached = f"{plan.cached} more are in the cache."
    if plan.unreached:
        cached = f"replies in the cache could not be counted, since the judge cannot be reached ({plan.unreached})."
    lines = [] if plan.sample is None else [f"Judged is {plan.sample.words()}."]
    lines += [
        f"{plan.conversations} conversations, {plan.turns} assistant turns, {rubrics} maxims: "
        f"{plan.judgements} judgements.",
        f"{plan.calls} calls to {plan.model} with about {plan.tokens:,} prompt tokens; {cached} Nothing was asked.",
    ]
    if plan.most_calls > plan.calls + plan.cached:
        lines.append(
            f"If the judge gives no log-probabilities it takes {plan.samples} calls for each score: at most "
            f"{plan.most_calls:,} calls."
        )
    if plan.flagged_reasons:
        lines.append("Plus one call for each flagged turn, for its reason in words (--reasons none asks for none).")
    if escalates:
        lines.append("What --escalate adds is known only once the first judge has judged.")
    if explained := explanation_cost(plan, explain):
        lines.append(f"Plus {explained} (--explain 0 for none).")
    Console().print(plain("\n".join(lines)), soft_wrap=True)
    if unread:
        records = "1 record or file" if len(unread) == 1 else f"{len(unread):,} records or files"
        notes.print(plain(f"Exit code 1: {records} could not be used: {cut(str(unread[0]), _REASON)}"), soft_wrap=True)
    return 1 if unread else 0
