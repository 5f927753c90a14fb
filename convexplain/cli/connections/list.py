"""`convexplain connections list`: the registered connections."""

import click
from rich.console import Console

from convexplain.workspace import Workspace

from ..show.connections import show_connections


@click.command("list")
def command() -> None:
    """List the connections, and what was learnt of their endpoints.

    Each has its address and where its key is; keys are not shown.
    """
    show_connections(Console(), Workspace().connections())
