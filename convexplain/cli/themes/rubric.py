"""`convexplain themes rubric`: a theme as the draft of a rubric."""

from pathlib import Path

import click

from convexplain.system.files import write_text

from ..options.store import db_option, open_workspace
from ..options.themes import theme_argument


@click.command("rubric")
@theme_argument
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write it to FILE, in place of what is there.  [default: the standard output]",
)
@db_option
def command(theme: int, out: Path | None, db: str | None) -> None:
    """Write a theme as a rubric that asks whether a turn fails in that way.

    The draft has a requirement, two labels, typical turns of the theme as examples of "no", and turns that scored well
    after similar messages as examples of "yes". The examples are text of the log.

    \b
        convexplain themes rubric 7 --out order_number.yaml
        convexplain judges validate chats.jsonl --rubric order_number.yaml --labels labels.csv
    """
    text = open_workspace(db).theme_rubric(theme)
    if out is None:
        click.echo(text, nl=False)
        return
    write_text(out, text)
    click.echo(
        f"Rubric: {out}. Its examples are text of the log. Read it, correct it, then judge by it: --rubric {out}"
    )
