"""`convexplain runs retry`: another try at what has no score in a run."""

import click
from rich.console import Console

from convexplain.explain.wording import counted

from ..options.store import db_option, named_store, open_workspace, progress_shown, run_argument
from ..show.analysis import incomplete, unfinished
from ..show.commands import command_line
from ..show.progress import plain


@click.command("retry")
@run_argument
@click.option("--judge", metavar="JUDGE", help="The run's judge, where the run does not say how it is opened again.")
@db_option
@click.pass_context
def command(ctx: click.Context, run: int | str | None, judge: str | None, db: str | None) -> int:
    """Judge again what has no score in a run.

    RUN is a number or a name; the newest run unless given. Only judgements without a score are asked for, of the run's
    own judge, and kept in the run: after an endpoint has failed, or a quota was used up. Scores stay as they are.

    \b
    Exit codes:
        0    every judgement has a score now
        1    some still have none, or the run is not complete, or was stopped by an error
    """
    workspace, console = open_workspace(db), Console()
    before = workspace.run(run)
    count = before.summary.unscored_judgements
    if not count:
        console.print(plain(f"Run {before.id}: every judgement has a score. Nothing was asked."), soft_wrap=True)
        return _exit_code(unfinished(before))
    after = workspace.retry(before.id, judge, progress=progress_shown())
    remaining = after.summary.unscored_judgements
    scored = count - remaining
    console.print(
        plain(
            f"Run {after.id}: {counted(count, 'judgement')} had no score; "
            f"{scored:,} {'has' if scored == 1 else 'have'} one now."
        ),
        soft_wrap=True,
    )
    if scored:
        store = named_store(ctx)
        again = command_line(["convexplain", "report", str(after.id), *(["--db", store] if store else [])])
        console.print(plain(f"`{again}` writes its files again."), soft_wrap=True)
    return _exit_code(incomplete(after))


def _exit_code(reasons: list[str]) -> int:
    if reasons:
        Console(stderr=True).print(plain(f"Exit code 1: {' '.join(reasons)}"), soft_wrap=True)
    return 1 if reasons else 0
