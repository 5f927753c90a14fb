"""`convexplain connections test`: does a connection answer, and what does its endpoint take?"""

import click

from convexplain.text.visible import one_line
from convexplain.workspace import Workspace


@click.command("test")
@click.argument("name")
def command(name: str) -> int:
    """Ask the connection NAME a few questions: can it judge?

    Does it answer, with labels and log-probabilities, how fast, and what does its endpoint take?

    \b
        convexplain connections test team
    """
    check = Workspace().test_connection(name)
    for title, text in check.rows():
        click.echo(f"{title:22} {one_line(text)}")
    return 0 if check.usable else 1
