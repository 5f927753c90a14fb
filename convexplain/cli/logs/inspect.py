"""`convexplain logs inspect`: what is recognised in log files."""

from pathlib import Path

import click
from rich.console import Console

from convexplain.errors import UsageError
from convexplain.workspace import LogSettings, Workspace

from ..options.logs import LogPath, reading_options
from ..show.imports import show_inspected
from ..show.progress import plain


@click.command("inspect")
@click.argument("logs", nargs=-1, required=True, type=LogPath(), metavar="LOG...")
@reading_options
def command(logs: tuple[Path, ...], reading: LogSettings) -> int:
    """Show what is recognised in logs: is a file read right?

    A LOG is a file or a folder; nothing is kept. For each file: its format, who speaks and who is taken for the
    assistant, what cannot be read, and the first conversation. Use it before `convexplain analyze` when a log is new.

    \b
        convexplain logs inspect exports/
        convexplain logs inspect whatsapp.zip --assistant 'Shop Berlin'
    """
    console = Console()
    wrong = False
    for log, inspected in Workspace().inspect_logs(logs, reading):
        if isinstance(inspected, UsageError):
            console.print(plain(f"{log}: {inspected}"), soft_wrap=True)
            wrong = True
            continue
        show_inspected(console, str(log), inspected)
        wrong = wrong or not inspected.conversations or any(not problem.kept for problem in inspected.problems)
    return int(wrong)
