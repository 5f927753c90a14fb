"""The options of commands that read logs."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from convexplain.workspace import LogSettings
from convexplain.workspace.remote_logs import is_url

from .numbers import Count


class LogPath(click.Path):
    """A log: a file, a folder, or - for the standard input. An empty name is none: it would be the current folder.

    Args:
        urls: take URLs too, as they are.
    """

    def __init__(self, *, urls: bool = False) -> None:
        super().__init__(path_type=Path)
        self._urls = urls

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path, or the URL."""
        if self._urls and is_url(value):
            return value
        if value == "":
            self.fail("the name of a log is empty; name a file, a folder (. is this one), or -", param, ctx)
        return super().convert(value, param, ctx)


save_map_option = click.option(
    "--save-map", metavar="NAME", help="Save the map by which the logs were read; --map NAME uses it again."
)
limit_option = click.option("--limit", type=Count(min=1), metavar="N", help="Only the first N conversations.")
_READING = (
    click.option(
        "--format",
        "format_",
        metavar="NAME",
        help="The logs' format, where it is not recognised; `convexplain logs formats` lists them.",
    ),
    click.option(
        "--map",
        "--columns",
        "map_",
        metavar="MAP",
        help="Where turns, speakers and texts are in JSON or a table of no known format, e.g. 'turns=transcript, "
        "role=speaker, content=text, id=call_id', for columns 'id=chat, role=who, content=msg', for questions with "
        "answers 'user=question, assistant=answer'. `convexplain logs inspect` proposes one. Or the name of "
        "a saved map (--save-map).",
    ),
    click.option("--assistant", multiple=True, metavar="NAME", help="A speaker who is the assistant; may be repeated."),
    click.option(
        "--redact",
        is_flag=True,
        help="Replace e-mail addresses, phones, accounts, national numbers, addresses, secrets, introduced names and "
        "other personal data before anything else sees it.",
    ),
    click.option(
        "--redact-names",
        type=click.Path(path_type=Path, exists=True, dir_okay=False),
        metavar="FILE",
        help="With the same: the names in FILE too, one a line.",
    ),
    click.option(
        "--redact-presidio", is_flag=True, help="With the same: also what Presidio finds (people, places, …)."
    ),
)


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of how logs are read; the command receives them as one argument, `reading`."""

    @functools.wraps(command)
    def collected(
        *args: Any,
        format_: str | None,
        map_: str | None,
        assistant: tuple[str, ...],
        redact: bool,
        redact_names: Path | None,
        redact_presidio: bool,
        **arguments: Any,
    ) -> Any:
        reading = LogSettings(format_, map_, assistant, redact, redact_names, redact_presidio)
        return command(*args, reading=reading, **arguments)

    for option in reversed(_READING):
        collected = option(collected)
    return collected
