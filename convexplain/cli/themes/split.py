"""`convexplain themes split`: some turns of a theme become a theme of their own."""

from collections.abc import Sequence

import click

from convexplain.errors import UsageError
from convexplain.explain.wording import counted
from convexplain.text.visible import one_line
from convexplain.workspace import ThemeTurn

from ..options.store import db_option, open_workspace
from ..options.themes import theme_argument
from ..options.turns import turn_place


@click.command("split")
@theme_argument
@click.option(
    "--turn",
    "turns",
    multiple=True,
    required=True,
    metavar="CONV:N",
    help="A turn that leaves the theme: conversation id and index of the turn, from 0; may be repeated.",
)
@click.option("--name", metavar="NAME", help="The name of the new theme.  [default: its distinctive phrases]")
@db_option
def command(theme: int, turns: tuple[str, ...], name: str | None, db: str | None) -> None:
    """Move turns of a theme into a new theme.

    \b
        convexplain themes split 7 --turn chat-17:5 --turn chat-20:3 --name 'names no time'
    """
    workspace = open_workspace(db)
    members = workspace.theme_turns(theme)
    new = workspace.split_theme(theme, [place for turn in turns for place in _places(members, turn, theme)], name)
    click.echo(f"Theme {new.number}, {one_line(new.theme.name)!r}, is new and has {counted(new.count, 'turn')}.")


def _places(members: Sequence[ThemeTurn], turn: str, theme: int) -> list[tuple[int, int]]:
    """Return the places of a turn, of each conversation with that id."""
    judged = [member.judged for member in members]
    named = turn_place(turn)
    places = [(scored.number, scored.turn) for scored in judged if (scored.conversation.id, scored.turn) == named]
    if not places:
        raise UsageError(f"--turn {turn!r}: theme {theme} has no such turn; `convexplain themes` shows its turns")
    return places
