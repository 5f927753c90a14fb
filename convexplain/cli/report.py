"""`convexplain report`: a run as one page to send on, or to print."""

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from convexplain.report.printing import print_page
from convexplain.report.run_report import write_report
from convexplain.store import summarise

from .options import db_option, open_store


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
def report_command(run: int | None, html: Path | None, pdf: Path | None, db: str | None) -> int:
    """Write a RUN (its number; else the newest) as one HTML file that needs nothing else.

    It holds the summary, distributions, how scores go along the conversations, and the worst turns with what is known
    of them: run `convexplain explain` before, with and without --attribute, to have them explained.

    \b
        convexplain report
        convexplain report 3 --html week-12.html --pdf week-12.pdf
    """
    store = open_store(db)
    summary = summarise(store, store.run(run))
    if html is None and pdf is None:
        html = Path("convexplain-out") / f"report-{summary.run.id}.html"
    with TemporaryDirectory() as folder:
        page = html or Path(folder) / "report.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        write_report(store, summary, page)
        if html is not None:
            click.echo(f"Report: {html}")
        if pdf is not None:
            pdf.parent.mkdir(parents=True, exist_ok=True)
            print_page(page, pdf)
            click.echo(f"PDF: {pdf}")
    return 0
