"""`convexplain report`: a run as one page to send on, or to print."""

from pathlib import Path

import click

from convexplain.errors import ConvexplainError
from convexplain.explain.wording import counted
from convexplain.text.visible import one_line
from convexplain.workspace.run_files import check_writable

from .options.store import db_option, open_workspace, out_option, run_argument
from .options.turns import refuse


@click.command("report")
@click.pass_context
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
def command(
    ctx: click.Context, run: int | str | None, html: Path | None, pdf: Path | None, out: Path, db: str | None
) -> int:
    """Write a run as files: a report, judgements, a table of scores.

    RUN is a number or a name; the newest run unless given. The files go to DIR/run-RUN/, or, with --html and --pdf,
    only the report goes where these say. The report is one HTML file that needs nothing else. It holds the summary,
    distributions, how scores go along the conversations, and the worst turns with their explanations: run `convexplain
    explain` before. Themes are found before it is written, where nobody has looked for any and it takes
    seconds (up to 5,000 turns, 500 of them below a threshold).

    \b
        convexplain report
        convexplain report 3 --html week-12.html --pdf week-12.pdf
    """
    refuse(ctx, {} if html is None and pdf is None else {"out": "with --html and --pdf, which name the files"})
    targets = {"--html": html, "--pdf": pdf}
    places = {option: file.parent for option, file in targets.items() if file is not None} or {"--out": out}
    for option, folder in places.items():
        check_writable(folder, option)
    try:
        workspace = open_workspace(db)
        analyzed = workspace.run(run)
        turns = counted(analyzed.summary.turns, "turn")
        click.echo(one_line(f"Run {analyzed.id}: {turns}, judge {analyzed.run.judge}"))
        written = workspace.report(analyzed.id, html=html, pdf=pdf, out=out)
    except OSError as error:
        named = ", ".join(f"{option} {str(folder)!r}" for option, folder in places.items())
        raise ConvexplainError(
            f"{named}: the files cannot be written ({error.strerror or error}); name another place"
        ) from error
    for kind, path in written.items():
        click.echo(f"{kind}: {one_line(str(path))}")
    return 0
