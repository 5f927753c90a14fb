"""The options of commands that judge: the judge, and how it judges."""

import functools
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console

from convexplain.workspace import JudgeOption, default_judge, judge_options

from ..show.progress import plain
from .numbers import Count, Share

JUDGE_HELP = (
    "The judge: embedded (built in, a screen), small (1.5B, on this machine), http://HOST:PORT/v1?model=NAME (a server"
    " of yours), openai:MODEL or another provider, connection:NAME (registered with its key), gguf:FILE (a model file);"
    " `convexplain judges list` shows all."
)

judge_option = click.option(
    "--judge",
    metavar="MODEL",
    help=f"{JUDGE_HELP}  [default: the server in CONVEXPLAIN_BASE_URL, else the default connection, else small where it"
    " is on this machine, else embedded]",
)
run_judge_option = click.option("--judge", metavar="MODEL", help=f"{JUDGE_HELP}  [default: the run's own judge]")
responder_option = click.option(
    "--responder", metavar="MODEL", help="The assistant's model, asked again after each edit; named like a judge."
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Say how many calls it would take at most, and stop; nothing is asked."
)


def judge_or_default(judge: str | None) -> str:
    """Return the judge that is named; where none is, the default one, and print a line that says which and why."""
    if judge is not None:
        return judge
    default = default_judge()
    Console(stderr=True).print(plain(str(default)), soft_wrap=True)
    return default.spec.text


def judging_options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options of how a judge judges; the command receives them as one argument, `judging`.

    Args:
        names: fields of `JudgeSpec`; all that have an option on the command line unless given.
    """
    options = {name: option for name, option in judge_options().items() if option.flag and (not names or name in names)}

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def collected(*args: Any, **values: Any) -> Any:
            chosen = {name: values.pop(name) for name in options}
            judging = {name: None if value == () else value for name, value in chosen.items()}
            return command(*args, judging=judging, **values)

        for name, option in reversed(options.items()):
            collected = click.option(option.flag, name, help=_help(option), **_type(option))(collected)
        return collected

    return add


def _help(option: JudgeOption) -> str:
    if option.kind == "judge":
        return f"{option.help} Named like a judge."
    return f"{option.help}  [default: {option.choices[0]}]" if option.kind == "choice" else option.help


def _type(option: JudgeOption) -> dict[str, Any]:
    """The keywords of `click.option` for the kind of values that an option takes."""
    if option.kind == "switch":
        return {"is_flag": True, "default": None}
    if option.kind == "choice":
        return {"type": click.Choice(option.choices)}
    if option.kind == "count":
        return {"type": Count(min=1), "metavar": "N"}
    if option.kind == "number":
        return {"type": Share(), "metavar": "D"}
    if option.kind == "judge":
        return {"multiple": True, "metavar": "MODEL"}
    return {"metavar": "VALUE"}
