"""`convexplain report`: a run as one page to send on, or to print."""

from pathlib import Path

import click

from .options.store import db_option, open_workspace, out_option, run_argument


@click.command("report")
@run_argument
@click.option(
    "--html",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Only the page, in this file.",
)
@click.option(
    "--pdf", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Printed by Chromium or Chrome."
)
@out_option
@db_option
def command(run: int | str | None, html: Path | None, pdf: Path | None, out: Path, db: str | None) -> int:
    """Write a run as files: a report, judgements, a table of scores.

    RUN is a number or a name; the newest run unless given. The files go to DIR/run-RUN/, or, with --html and --pdf,
    only the report goes where these say. The report is one HTML file that needs nothing else. It holds the summary,
    distributions, how scores go along the conversations, and the worst turns with their explanations: run `convexplain
    explain` before.

    \b
        convexplain report
        convexplain report 3 --html week-12.html --pdf week-12.pdf
    """
    written = open_workspace(db).report(run, html=html, pdf=pdf, out=out)
    for kind, path in written.items():
        click.echo(f"{kind}: {path}")
    return 0
