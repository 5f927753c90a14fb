"""`convexplain runs audit`: who signed in, ran, labelled, exported and deleted what."""

import json

import click

from convexplain.text.visible import one_line

from ..options.numbers import Count
from ..options.store import db_option, open_workspace


@click.command("audit")
@click.option("--limit", type=Count(min=1), default=100, show_default=True, metavar="N", help="At most N events.")
@click.option("--json", "as_json", is_flag=True, help="As JSON Lines: one object an event.")
@db_option
def command(limit: int, as_json: bool, db: str | None) -> None:
    """Show what people did on the dashboard, and who deleted runs, the newest first.

    Where nobody had to sign in, the person is the user of the operating system. A name that was typed beside a shared
    password is not proved.

    \b
        convexplain runs audit
        convexplain runs audit --limit 1000 --json > audit.jsonl
    """
    events = open_workspace(db).audit_log(limit)
    for event in events:
        if as_json:
            click.echo(json.dumps(event.to_dict()))
            continue
        details = ", ".join(f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in event.details.items())
        line = f"{event.at:%Y-%m-%d %H:%M:%S} UTC · {event.person} · {event.action}{': ' if details else ''}{details}"
        click.echo(one_line(line))
    if not events and not as_json:
        click.echo("Nothing is in the audit log.")
