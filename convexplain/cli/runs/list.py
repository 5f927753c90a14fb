"""`convexplain runs list`: the runs in the store."""

import click
from rich.console import Console

from ..options.store import db_option, open_workspace
from ..show.runs import show_runs


@click.command("list")
@db_option
def command(db: str | None) -> None:
    """List the runs in the store, newest first.

    Each has its judge and, for each maxim, the mean score and the share of turns below the threshold.
    """
    show_runs(Console(), open_workspace(db).runs())
