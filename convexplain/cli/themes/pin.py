"""`convexplain themes pin`: a theme that is found again in later runs."""

import click

from convexplain.text.visible import one_line

from ..options.store import db_option, open_workspace
from ..options.themes import theme_argument


@click.command("pin")
@theme_argument
@db_option
def command(theme: int, db: str | None) -> None:
    """Pin a theme: it keeps its name, and is found again in later runs."""
    changed = open_workspace(db).pin_theme(theme)
    click.echo(f"Theme {changed.number}, {one_line(changed.theme.name)!r}, is pinned: later runs look for it.")
