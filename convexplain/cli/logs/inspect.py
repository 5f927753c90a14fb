"""`convexplain logs inspect`: what is recognised in log files."""

from pathlib import Path

import click
from rich.console import Console

from convexplain.errors import UsageError
from convexplain.workspace import LogSettings, Workspace
from convexplain.workspace.saved_maps import resolved_map
from convexplain.workspace.saved_maps import save_map as store_map

from ..options.logs import LogPath, reading_options, save_map_option
from ..show.imports import show_inspected
from ..show.progress import plain


@click.command("inspect")
@click.argument("logs", nargs=-1, required=True, type=LogPath(), metavar="LOG...")
@reading_options
@save_map_option
def command(logs: tuple[Path, ...], reading: LogSettings, save_map: str | None) -> int:
    """Show what is recognised in logs: is a file read right?

    A LOG is a file or a folder; nothing is kept. For each file: its format, who speaks and who is taken for the
    assistant, what cannot be read, and the first conversation. Use it before `convexplain analyze` when a log is new.

    \b
        convexplain logs inspect exports/
        convexplain logs inspect whatsapp.zip --assistant 'Shop Berlin'
        convexplain logs inspect calls.json --map 'turns=log, role=who, content=text' --save-map calls

    Requests of batches and their results may stand in several files: give them together.

    A log of no known format is read by the map of its fields that its structure suggests (`map`); what a person should
    decide about it is listed.
    """
    console = Console()
    wrong = False
    maps: dict[str, None] = {} if reading.map is None else {str(resolved_map(reading.map)): None}
    for log, inspected in Workspace().inspect_logs(logs, reading):
        if isinstance(inspected, UsageError):
            console.print(plain(f"{log}: {inspected}"), soft_wrap=True)
            wrong = True
            continue
        show_inspected(console, str(log), inspected)
        maps |= {str(proposal.field_map): None for proposal in inspected.proposals}
        wrong = wrong or any(proposal.doubts for proposal in inspected.proposals)
        wrong = (
            wrong
            or not (inspected.conversations or inspected.joins)
            or any(not problem.kept for problem in inspected.problems)
        )
    if save_map is not None:
        if len(maps) != 1:
            raise UsageError(f"save-map: there are {len(maps)} maps to save; give the one with --map")
        store_map(save_map, next(iter(maps)))
        console.print(plain(f"saved: use it with --map {save_map}"), soft_wrap=True)
    return int(wrong)
