"""`convexplain themes [RUN]`: the themes of a run, found first where nobody has looked for any."""

import json

import click
from rich.console import Console

from ..options.judging import dry_run_option, run_judge_option
from ..options.numbers import Count, Share
from ..options.store import db_option, named_store, open_workspace, progress_shown, run_argument
from ..show.themes import show_themes


@click.command("list")
@click.pass_context
@run_argument
@click.option("--again", is_flag=True, help="Find them again, in place of the themes that are kept.")
@click.option(
    "--lowest",
    type=Share(min_open=True),
    metavar="SHARE",
    help="On maxims whose scores only sort turns, group this share of the lowest scores; finds the themes again."
    "  [default: 0.1 where no maxim of the run may flag turns, else none]",
)
@click.option(
    "--explain",
    type=Count(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Explain N typical turns of each theme, at most 24 judgements each, to learn what the themes are caused by; "
    "finds them again. The judge's model names the themes too, where it writes texts.",
)
@run_judge_option
@click.option("--json", "as_json", is_flag=True, help="As JSON: one object with the search and its themes.")
@db_option
@dry_run_option
def command(
    ctx: click.Context,
    run: int | str | None,
    again: bool,
    lowest: float | None,
    explain: int,
    judge: str | None,
    as_json: bool,
    db: str | None,
    dry_run: bool,
) -> None:
    """Show the themes of a run: groups of flagged turns that fail in one way.

    RUN is a number or a name; the newest run unless given. They are found at the first call, and kept. Each theme has a
    name, the number of its turns and their share of all judged turns, and typical turns. It has the sources and bots in
    which it is more frequent, its change over time, and what the earlier turns that matter have in common. Pinned
    themes are found again in later runs.

    \b
        convexplain themes
        convexplain themes 3 --explain 8
        convexplain themes 3 --lowest 0.2 --json
    """
    workspace = open_workspace(db)
    if dry_run:
        calls = workspace.plan_themes(run, lowest=lowest, explain=explain)
        names = " and one call a theme for its name" if calls or judge is not None else ""
        click.echo(f"At most {calls:,} judgements for the explanations{names}. Nothing was asked.")
        return
    chosen = workspace.run(run).id
    searches = again or lowest is not None or explain > 0 or judge is not None
    themes = None if searches else workspace.stored_themes(chosen)
    if themes is None:
        themes = workspace.themes(chosen, judge=judge, lowest=lowest, explain=explain, progress=progress_shown())
    if as_json:
        click.echo(json.dumps(themes.to_dict(), indent=2))
        return
    show_themes(Console(), themes, named_store(ctx))
