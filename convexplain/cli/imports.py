"""`convexplain import`, its `--inspect`, and `convexplain formats`."""

import json
import time
from pathlib import Path

import click
from rich.console import Console

from convexplain.analysis.imports import Imported, import_logs
from convexplain.analysis.runs import Source, find_logs
from convexplain.cli.show.imports import ImportShown, show_formats, show_inspected
from convexplain.cli.show.runs import plain
from convexplain.connectors.logs import inspect_log
from convexplain.connectors.logs.formats.registry import formats
from convexplain.errors import UsageError

from .options import db_option, open_store
from .reading import Reading, reading_options

_FIRST = 100  # conversations that are read to see what a log is


@click.command("import")
@click.argument("logs", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="LOG...")
@reading_options
@db_option
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N conversations.")
@click.option("--inspect", is_flag=True, help="Show what is recognised in the LOGs, and keep nothing.")
def import_command(
    logs: tuple[Path, ...],
    reading: Reading,
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
    notes = Console(stderr=True)
    source = Source(reading.reader(), find_logs(logs), limit=limit)
    store = open_store(db)
    began = time.monotonic()
    with ImportShown(notes) as progress:
        done = import_logs(source, store, progress)
    _summary(Console(), done, time.monotonic() - began, store.place)
    reading.tell(notes)
    return 1 if done.left_out or not done.kept.conversations else 0


@click.command("formats")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON: a list of objects with name, description and example.")
def formats_command(name: str | None, as_json: bool) -> None:
    """List the formats of logs that can be read, or show one with an example.

    \b
        convexplain formats
        convexplain formats telegram
    """
    found = [form for form in formats() if name in (None, form.name)]
    if not found:
        raise UsageError(f"format {name!r} is not known; valid are: {', '.join(form.name for form in formats())}")
    if as_json:
        rows = [{"name": form.name, "description": form.description, "example": form.example} for form in found]
        click.echo(json.dumps(rows, indent=2))
        return
    show_formats(Console(), [(form.name, form.description, form.example) for form in found], whole=name is not None)


def _inspect(logs: tuple[Path, ...], reading: Reading) -> int:
    console = Console()
    reader = reading.reader()
    wrong = False
    for log in find_logs(logs):
        try:
            found = inspect_log(
                log, format=reading.format, columns=reader.columns, assistant=reading.assistant, limit=_FIRST
            )
        except UsageError as error:  # a table whose columns cannot be told
            console.print(plain(f"{log}: {error}"), soft_wrap=True)
            wrong = True
            continue
        if found.first is not None:
            found.first = reader.shown(found.first)
        show_inspected(console, str(log), found)
        wrong = wrong or not found.conversations or any(not problem.kept for problem in found.problems)
    return int(wrong)


def _summary(console: Console, done: Imported, seconds: float, place: str) -> None:
    kept = done.kept
    roles = ", ".join(f"{count:,} {role}" for role, count in done.roles.most_common()) or "none"
    console.print(
        plain(
            f"{kept.conversations:,} conversations with {kept.turns:,} turns ({roles}) in {seconds:.1f} s, "
            f"{kept.turns / max(seconds, 1e-9):,.0f} turns/s: {kept.added:,} new in {place}"
        ),
        soft_wrap=True,
    )
    if kept.conversations and not done.roles["assistant"]:
        console.print("No turn is an assistant's: name who is the assistant with --assistant, see --inspect.")
    if done.left_out or done.remarks:
        console.print(f"{done.left_out:,} records or files could not be read, {done.remarks:,} remarks (see above).")
    if kept.conversations:
        console.print("Judge them with: convexplain analyze --stored", soft_wrap=True)
