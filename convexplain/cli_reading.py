"""How commands are told to read logs: the options, and the reader that they make."""

from collections.abc import Callable
from functools import partial
from typing import Any

import click

from convexplain.connectors.logs import ColumnMap, check_reading, read_log

from .analysis import Reader
from .errors import UsageError

_COLUMNS = ("conversation", "role", "content", "order", "name", "at")

_OPTIONS = (
    click.option(
        "--format",
        "format_",
        metavar="NAME",
        help="The logs' format, where it is not recognised; `convexplain formats` lists them.",
    ),
    click.option(
        "--columns",
        metavar="MAP",
        help="Columns of a table, e.g. conversation=chat_id,role=who,content=msg[,order=ts].",
    ),
    click.option("--assistant", multiple=True, metavar="NAME", help="A speaker who is the assistant; may be repeated."),
)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options `--format`, `--columns` and `--assistant`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def columns_of(text: str | None) -> ColumnMap | None:
    """The columns that a user gave.

    Raises:
        UsageError: they are not written as they should be.
    """
    if text is None:
        return None
    pairs = dict(part.partition("=")[::2] for part in text.split(","))
    if not {"role", "content"} <= set(pairs) <= {*_COLUMNS} or not all(pairs.values()):
        raise UsageError(
            f"--columns {text!r} is not valid; write role=…,content=… and, where there are such columns, "
            "conversation=…, order=…, name=…, at=…"
        )
    return ColumnMap(conversation=pairs.pop("conversation", None), **pairs)


def reader_of(format_: str | None, columns: str | None, assistant: tuple[str, ...]) -> Reader:
    """Reads logs as the options say.

    Raises:
        UsageError: there is no such format, or the columns are not written as they should be.
    """
    given = columns_of(columns)
    check_reading(format_, given)
    return partial(read_log, format=format_, columns=given, assistant=assistant)
