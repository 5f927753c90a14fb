"""`convexplain judges list`: the models that can judge, by the names that --judge takes."""

import click
from rich.console import Console
from rich.table import Table

from convexplain.workspace import MODELS, Workspace, default_judge
from convexplain.workspace.trust import shipped_trust

from ..show.progress import plain

_FIRST = {name: place for place, name in enumerate(("embedded", "small", "http", "https", "openai", "gguf"))}


@click.command("list")
def command() -> None:
    """List the models that can judge, by the names that --judge takes.

    `convexplain judges check MODEL` asks whether one answers, and with --benchmark how well it judges. Options stand
    behind a `?`, with `&` between them.

    \b
        convexplain judges list
        convexplain judges check 'http://localhost:8000/v1?model=NAME&in_flight=4'
    """
    table = Table("--judge", "model", "options", box=None, pad_edge=False)
    for model in sorted(MODELS.records, key=lambda model: _FIRST.get(model.name, len(_FIRST))):
        table.add_row(plain(model.usage), plain(model.description), plain(" ".join(model.options or ())))
    console, default = Console(), default_judge()
    console.print(table)
    for trust in shipped_trust():
        console.print(plain(str(trust)), soft_wrap=True)
    console.print(
        plain(
            "LangChain's providers judge too: anthropic:MODEL, bedrock:MODEL, google:MODEL, …\n"
            "Not sure? Begin with embedded, a screen for the three headline maxims. small scores them alike, and other "
            "maxims too, and gives reasons. A provider's model, for instance openai:gpt-4.1-mini with the key in "
            "OPENAI_API_KEY, knows facts about the world.\n"
            f"{_connections()}\n"
            f"Without --judge: {default.spec.public} ({default.reason})."
        ),
        soft_wrap=True,
    )


def _connections() -> str:
    """Return a line that names the registered connections."""
    names = ", ".join(entry.judge for entry in Workspace().connections())
    return f"Connections: {names}." if names else "No connection is registered (`convexplain connections add --help`)."
