"""`convexplain connections default`: the connection that judges where no judge is named."""

import click

from convexplain.errors import UsageError
from convexplain.workspace import Workspace


@click.command("default")
@click.argument("name", required=False)
@click.option("--none", "unset", is_flag=True, help="No connection is the default any more.")
def command(name: str | None, unset: bool) -> None:
    """Make the connection NAME the judge of commands without --judge.

    A server in CONVEXPLAIN_BASE_URL comes before it. Without NAME the present default is shown.

    \b
        convexplain connections default team
        convexplain connections default --none
    """
    if name is not None and unset:
        raise UsageError("NAME and --none do not go together")
    workspace = Workspace()
    if name is not None or unset:
        workspace.set_default_connection(name)
    default = next((entry.name for entry in workspace.connections() if entry.default), None)
    click.echo(f"The default connection is {default}." if default else "No connection is the default.")
