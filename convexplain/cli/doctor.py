"""`convexplain doctor`: what is installed, which judges can be reached, and what is missing."""

import json

import click
from rich.console import Console

from convexplain.workspace import Workspace

from .options.store import db_option
from .show.installation import show_installation


@click.command("doctor")
@db_option
@click.option("--json", "as_json", is_flag=True, help="Write everything as JSON to the standard output.")
def command(db: str | None, as_json: bool) -> int:
    """Say what is installed, which models can be reached, and what is missing.

    Registered endpoints are reached, but no model is asked anything and nothing is fetched. No key is shown. The exit
    code is 1 where no judge can be used.

    \b
        convexplain doctor
        convexplain doctor --json
    """
    installation = Workspace(db).doctor()
    if as_json:
        click.echo(json.dumps(installation.to_dict(), indent=2, ensure_ascii=False))
    else:
        show_installation(Console(), installation)
    return 0 if installation.can_judge else 1
