"""`convexplain judges list`: the models that can judge, by the names that --judge takes."""

import click
from rich.console import Console
from rich.table import Table

from convexplain.workspace import MODELS

from ..show.progress import plain


@click.command("list")
def command() -> None:
    """List the models that can judge, by the names that --judge takes.

    `convexplain judges check MODEL` asks whether one answers. Options stand behind a `?`, with `&` between them.

    \b
        convexplain judges list
        convexplain judges check 'http://localhost:8000/v1?model=NAME&in_flight=4'
    """
    table = Table("--judge", "model", "options", box=None, pad_edge=False)
    for model in MODELS.records:
        table.add_row(plain(model.usage), plain(model.description), plain(" ".join(model.options or ())))
    Console().print(table)
