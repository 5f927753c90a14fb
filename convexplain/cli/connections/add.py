"""`convexplain connections add`: register an endpoint under a name, with its key."""

import os
import sys

import click

from convexplain.errors import UsageError
from convexplain.text.visible import one_line
from convexplain.workspace import Workspace


@click.command("add")
@click.argument("name")
@click.argument("url")
@click.option("--key-env", metavar="VARIABLE", default="", help="The environment variable that holds the key.")
@click.option(
    "--key-stdin",
    is_flag=True,
    help="Read the key from the standard input, and keep it in the system's keyring or in a file of mode 0600.",
)
def command(name: str, url: str, key_env: str, key_stdin: bool) -> None:
    """Register the endpoint at URL under NAME, with its key.

    From then on `--judge connection:NAME` asks it. URL is that of a server, with the usual options, or a provider's
    model as PROVIDER:MODEL. The key is sent to the scheme, host and port of URL and nowhere else; it is never shown,
    and never in a run store. Where URL has a user, --key-stdin takes the password. Nothing is asked here:
    `convexplain connections test NAME` does that.

    \b
        convexplain connections add team 'https://llm.example/v1?model=NAME' --key-env TEAM_KEY
        convexplain connections add gpt openai:gpt-5 --key-stdin < key.txt
        convexplain analyze chats.jsonl --judge connection:team
    """
    if key_env and key_stdin:
        raise UsageError("--key-env and --key-stdin do not go together: a connection has one key")
    entry = Workspace().add_connection(name, url, key_env=key_env, key=_key() if key_stdin else "")
    click.echo(f"Connection {entry.name} is registered for {one_line(entry.origin)}. Its key: {one_line(entry.key)}.")
    if key_env and not os.environ.get(key_env):
        click.echo(f"{key_env} is not set now; set it before you judge.")
    click.echo(
        f"Does it answer? convexplain connections test {entry.name}\nJudge with it: --judge {entry.judge}, or for all "
        f"commands: convexplain connections default {entry.name}"
    )


def _key() -> str:
    """Return the key from the standard input; a terminal is asked for it, and does not show it."""
    typed = click.prompt("Key", hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.read()
    key = str(typed).strip("\r\n")
    if not key.strip():
        raise UsageError(
            "--key-stdin: the standard input is empty; give the key there, as in `… --key-stdin < key.txt`"
        )
    return key
