"""`convexplain themes merge`: several themes become one."""

import click

from convexplain.explain.wording import counted
from convexplain.text.visible import one_line

from ..options.store import db_option, open_workspace
from ..options.themes import THEME, theme_argument


@click.command("merge")
@theme_argument
@click.argument("others", type=THEME, nargs=-1, required=True)
@db_option
def command(theme: int, others: tuple[int, ...], db: str | None) -> None:
    """Put the turns of OTHERS into THEME, which keeps its name.

    \b
        convexplain themes merge 7 9
    """
    merged = open_workspace(db).merge_themes(theme, *others)
    click.echo(f"Theme {merged.number}, {one_line(merged.theme.name)!r}, has {counted(merged.count, 'turn')} now.")
