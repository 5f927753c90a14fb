"""`convexplain runs`: the runs in the store."""

import click
from rich.console import Console

from .options import db_option, open_workspace
from .show.runs import show_runs


@click.command("runs")
@db_option
def runs_command(db: str | None) -> None:
    """List the runs in the store, newest first."""
    show_runs(Console(), open_workspace(db).store.runs())
