"""`convexplain connections remove`: a connection with its key."""

import click

from convexplain.text.visible import one_line
from convexplain.workspace import Workspace


@click.command("remove")
@click.argument("name")
def command(name: str) -> None:
    """Remove the connection NAME, its key, and what was learnt of its endpoint.

    Runs that it judged stay. A key in an environment variable stays there.
    """
    entry = Workspace().remove_connection(name)
    default = " It was the default; now none is." if entry.default else ""
    click.echo(f"Connection {entry.name} for {one_line(entry.origin)} was removed.{default}")
