"""`convexplain themes rename`: another name for a theme."""

import click

from convexplain.text.visible import one_line

from ..options.store import db_option, open_workspace
from ..options.themes import theme_argument


@click.command("rename")
@theme_argument
@click.argument("name")
@db_option
def command(theme: int, name: str, db: str | None) -> None:
    """Give a theme another name; a pinned theme has it in all runs.

    \b
        convexplain themes rename 7 'asks again for the order number'
    """
    renamed = open_workspace(db).rename_theme(theme, name)
    click.echo(f"Theme {renamed.number} is called {one_line(renamed.theme.name)!r}.")
