"""`convexplain import`, its `--inspect`, and `convexplain formats`."""

import json
import time
from pathlib import Path

import click
from rich.console import Console

from convexplain.analysis.imports import Imported
from convexplain.connectors.logs.formats.registry import formats
from convexplain.errors import UsageError
from convexplain.workspace import LogSettings, Workspace

from .options import db_option, open_workspace, progress_shown, reading_options
from .show.imports import show_formats, show_inspected
from .show.progress import plain


@click.command("import")
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="LOG...")
@reading_options
@db_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N conversations.")
@click.option("--inspect", is_flag=True, help="Show what is recognised in the LOGs, and keep nothing.")
def import_command(
    logs: tuple[Path, ...],
    reading: LogSettings,
    db: str | None,
    limit: int | None,
    inspect: bool,
) -> int:
    """Read the LOGs (files or folders) into the store, once, to be judged many times.

    Formats are recognised by content (`convexplain formats` lists them), compressed files and archives are opened. What
    is there already is not kept twice, so the same command may be given again after new logs have come, or after it was
    stopped. With --inspect: what was recognised, who was taken for the assistant, and the first conversation.

    \b
        convexplain import exports/ --inspect
        convexplain import exports/ chats-2024.jsonl.gz
        convexplain import whatsapp.zip --assistant 'Shop Berlin'
        convexplain analyze --stored
    """
    if inspect:
        return _inspect(logs, reading)
    workspace, began = open_workspace(db), time.monotonic()
    imported = workspace.import_logs(logs, reading, limit=limit, progress=progress_shown())
    _summary(Console(), imported, time.monotonic() - began, workspace.store.place)
    return 1 if imported.left_out or not imported.kept.conversations else 0


@click.command("formats")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON: a list of objects with name, description and example.")
def formats_command(name: str | None, as_json: bool) -> None:
    """List the formats of logs that can be read, or show one with an example.

    \b
        convexplain formats
        convexplain formats telegram
    """
    chosen = [form for form in formats() if name in (None, form.name)]
    if not chosen:
        raise UsageError(f"format {name!r} is not known; valid are: {', '.join(form.name for form in formats())}")
    if as_json:
        rows = [{"name": form.name, "description": form.description, "example": form.example} for form in chosen]
        click.echo(json.dumps(rows, indent=2))
        return
    show_formats(Console(), [(form.name, form.description, form.example) for form in chosen], whole=name is not None)


def _inspect(logs: tuple[Path, ...], reading: LogSettings) -> int:
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


def _summary(console: Console, imported: Imported, seconds: float, place: str) -> None:
    kept = imported.kept
    roles = ", ".join(f"{count:,} {role}" for role, count in imported.roles.most_common()) or "none"
    console.print(
        plain(
            f"{kept.conversations:,} conversations with {kept.turns:,} turns ({roles}) in {seconds:.1f} s, "
            f"{kept.turns / max(seconds, 1e-9):,.0f} turns/s: {kept.added:,} new in {place}"
        ),
        soft_wrap=True,
    )
    if kept.conversations and not imported.roles["assistant"]:
        console.print("No turn is an assistant's: name who is the assistant with --assistant, see --inspect.")
    if imported.left_out or imported.remarks:
        console.print(
            f"{imported.left_out:,} records or files could not be read, {imported.remarks:,} remarks (see above)."
        )
    if kept.conversations:
        console.print("Judge them with: convexplain analyze --stored", soft_wrap=True)
