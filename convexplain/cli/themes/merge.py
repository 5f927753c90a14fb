"""`convexplain themes merge`: several themes become one."""

import click

from convexplain.explain.wording import counted
from convexplain.text.visible import one_line

from ..options.store import db_option, open_workspace
from ..options.themes import THEME, theme_argument


@click.command("merge")
@theme_argument
@click.argument("merged", metavar="OTHERS", type=THEME, nargs=-1, required=True)
@db_option
def command(theme: int, merged: tuple[int, ...], db: str | None) -> None:
    """Put the turns of OTHERS into THEME, which keeps its name.

    \b
        convexplain themes merge 7 9
    """
    result = open_workspace(db).merge_themes(theme, *merged)
    click.echo(f"Theme {result.number}, {one_line(result.theme.name)!r}, has {counted(result.count, 'turn')} now.")
