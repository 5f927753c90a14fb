"""`convexplain themes unpin`: a theme that is no longer found again."""

import click

from convexplain.text.visible import one_line

from ..options.store import db_option, open_workspace
from ..options.themes import theme_argument


@click.command("unpin")
@theme_argument
@db_option
def command(theme: int, db: str | None) -> None:
    """Unpin a theme in all runs: later runs do not look for it."""
    changed = open_workspace(db).unpin_theme(theme)
    click.echo(f"Theme {changed.number}, {one_line(changed.theme.name)!r}, is not pinned any more.")
