"""`convexplain report`: a run as one page to send on, or to print."""

from pathlib import Path

import click

from .options.store import db_option, open_workspace


@click.command("report")
@click.argument("run", type=click.IntRange(min=1), required=False)
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="The page.  [default: convexplain-out/report-RUN.html, without --pdf]",
)
@click.option(
    "--pdf", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Printed by Chromium or Chrome."
)
@db_option
def command(run: int | None, html: Path | None, pdf: Path | None, db: str | None) -> int:
    """Write a RUN (its number; else the newest) as one HTML file that needs nothing else.

    It holds the summary, distributions, how scores go along the conversations, and the worst turns with what is known
    of them: run `convexplain explain` before, with and without --attribute, to have them explained.

    \b
        convexplain report
        convexplain report 3 --html week-12.html --pdf week-12.pdf
    """
    written = open_workspace(db).report(run, html=html, pdf=pdf)
    for kind, path in written.items():
        click.echo(f"{kind}: {path}")
    return 0
