"""`convexplain runs show`: one run."""

import click
from rich.console import Console

from ..options.store import db_option, named_store, open_workspace, run_argument
from ..show.progress import plain
from ..show.runs import show_summary, show_worst

_WORST = 5


@click.command("show")
@run_argument
@db_option
@click.pass_context
def command(ctx: click.Context, run: int | str | None, db: str | None) -> None:
    """Show the scores of a run, and its worst turns.

    RUN is a number or a name; the newest run unless given.
    """
    console, analyzed = Console(), open_workspace(db).run(run)
    settings = analyzed.run.settings
    show_summary(console, analyzed)
    begun = analyzed.run.created_at.astimezone().strftime("%Y-%m-%d %H:%M")
    logs = ", ".join(settings.get("logs") or ()) or "conversations of the store"
    console.print(plain(f"Begun {begun}; judged: {logs}; turns: {settings.get('turns', 'all')}"), soft_wrap=True)
    show_worst(console, analyzed, _WORST, named_store(ctx))
