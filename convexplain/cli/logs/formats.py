"""`convexplain logs formats`: the formats of logs that can be read."""

import json

import click
from rich.console import Console

from convexplain.connectors.logs import LOG_FORMATS

from ..show.imports import show_formats


@click.command("formats")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON: a list of objects with name, description and example.")
def command(name: str | None, as_json: bool) -> None:
    """List the formats of logs that can be read, or show one with an example.

    \b
        convexplain logs formats
        convexplain logs formats telegram
    """
    chosen = LOG_FORMATS.records if name is None else (LOG_FORMATS.get(name),)
    if as_json:
        rows = [{"name": form.name, "description": form.description, "example": form.example} for form in chosen]
        click.echo(json.dumps(rows, indent=2))
        return
    show_formats(Console(), [(form.name, form.description, form.example) for form in chosen], complete=name is not None)
