"""`convexplain logs import`: logs, read once into the store."""

import time
from pathlib import Path

import click
from rich.console import Console

from convexplain.analysis.imports import ImportSummary
from convexplain.errors import UsageError
from convexplain.workspace import LogSettings
from convexplain.workspace.saved_maps import resolved_map
from convexplain.workspace.saved_maps import save_map as store_map

from ..options.logs import LogPath, limit_option, reading_options, save_map_option
from ..options.store import db_option, open_workspace, progress_shown
from ..show.progress import plain


@click.command("import")
@click.argument("logs", nargs=-1, required=True, type=LogPath(), metavar="LOG...")
@reading_options
@db_option
@limit_option
@save_map_option
def command(
    logs: tuple[Path, ...],
    reading: LogSettings,
    db: str | None,
    limit: int | None,
    save_map: str | None,
) -> int:
    """Read logs into the store, once, to be judged many times.

    A LOG is a file or a folder. Formats are recognised by content (`convexplain logs formats` lists them), compressed
    files and archives are opened. A conversation that is in the store already is not kept twice: give the same command
    again when new logs have come, or after it was stopped. `convexplain logs inspect` shows first what is recognised.

    \b
        convexplain logs import exports/ chats-2024.jsonl.gz
        convexplain logs import whatsapp.zip --assistant 'Shop Berlin'
        convexplain analyze --stored
    """
    if save_map is not None:
        if reading.map is None:
            raise UsageError("save-map: give the map to save with --map; `convexplain logs inspect` proposes one")
        store_map(save_map, str(resolved_map(reading.map)))
    workspace, began = open_workspace(db), time.monotonic()
    imported = workspace.import_logs(logs, reading, limit=limit, progress=progress_shown())
    _summary(Console(), imported, time.monotonic() - began, workspace.store.place)
    return 1 if imported.left_out or not imported.counts.conversations else 0


def _summary(console: Console, imported: ImportSummary, seconds: float, place: str) -> None:
    counts = imported.counts
    roles = ", ".join(f"{count:,} {role}" for role, count in imported.roles.most_common()) or "none"
    console.print(
        plain(
            f"{counts.conversations:,} conversations with {counts.turns:,} turns ({roles}) in {seconds:.1f} s, "
            f"{counts.turns / max(seconds, 1e-9):,.0f} turns/s: {counts.added:,} new in {place}"
        ),
        soft_wrap=True,
    )
    if counts.conversations and not imported.roles["assistant"]:
        console.print(
            "No turn is an assistant's: name the assistant with --assistant; `logs inspect` lists the speakers."
        )
    if imported.left_out or imported.remarks:
        console.print(
            f"{imported.left_out:,} records or files could not be read in full, "
            f"{imported.remarks:,} remarks (see above)."
        )
    if counts.conversations:
        console.print("Judge them with: convexplain analyze --stored", soft_wrap=True)
