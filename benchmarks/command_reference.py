"""Write the reference of the command line, `docs/reference/cli.md`, from the commands themselves.

    python benchmarks/command_reference.py

A test holds the page to what this writes.
"""

import re
import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from convexplain.cli.main import cli

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "cli.md"
_AS_IT_STANDS = "\b"  # click does not wrap a paragraph that begins with it
_PIPE = "\\|"
_HEAD = """# Command line

This page is made from the commands (`python benchmarks/command_reference.py`). `convexplain COMMAND --help` shows the
same.
"""


def reference() -> str:
    """Return the page."""
    return (
        "\n".join([_HEAD, *_section("convexplain", cli, click.Context(cli, info_name="convexplain"))]).rstrip() + "\n"
    )


def _section(name: str, command: click.Command, context: click.Context) -> Iterator[str]:
    if name != "convexplain":
        yield f"{'##' if name.count(' ') == 1 else '###'} {name}\n"
    yield from _help_blocks(command.help or "")
    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            inner = command.get_command(context, child)
            if inner is not None:
                yield from _section(f"{name} {child}", inner, click.Context(inner, context, info_name=child))
        return
    yield f"```text\n{name} {' '.join(command.collect_usage_pieces(context))}\n```\n"
    records = [parameter.get_help_record(context) for parameter in command.params]
    rows = [record for record in records if record is not None and record[1]]
    if rows:
        yield "| option | meaning |\n|---|---|"
        yield from (f"| `{option.replace('|', _PIPE)}` | {_cell(meaning)} |" for option, meaning in rows)
        yield ""


def _help_blocks(text: str) -> Iterator[str]:
    """Yield the paragraphs of a help text; those that click is not to wrap (after a backspace) as they stand."""
    for block in re.split(r"\n\s*\n", text.replace("\r", "")):
        if block.lstrip().startswith(_AS_IT_STANDS):
            yield f"```text\n{textwrap.dedent(block.replace(_AS_IT_STANDS, '')).strip()}\n```\n"
        elif block.strip():
            yield " ".join(block.split()).replace("<", "&lt;") + "\n"


def _cell(text: str) -> str:
    return re.sub(r"([|\[])", r"\\\1", " ".join(text.split()).replace("<", "&lt;"))


if __name__ == "__main__":
    PAGE.write_text(reference())
