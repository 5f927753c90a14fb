"""The command line's entry point; a command is loaded when it is run."""

import importlib
import keyword
import logging
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import click
from rich.console import Console

from convexplain import __version__
from convexplain.errors import ConvexplainError, MissingExtraError, RubricError, UsageError
from convexplain.system.termination import hear_termination, stopped_by

from .show.progress import plain

COMMANDS: Mapping[str, Sequence[str]] = {
    "analyze": (),
    "explain": (),
    "attribute": (),
    "contrast": (),
    "report": (),
    "export": (),
    "dashboard": (),
    "doctor": (),
    "themes": ("list", "rename", "merge", "split", "pin", "unpin", "rubric"),
    "runs": ("list", "show", "name", "retry", "compare", "import", "delete", "redact", "audit"),
    "logs": ("import", "inspect", "formats"),
    "judges": ("list", "check", "validate", "calibrate", "noise", "train"),
    "connections": ("add", "list", "test", "default", "remove"),
    "rubrics": ("list", "show", "check"),
}
"""The commands in the order of `--help`, and those of each group.

A command is `command` in the module of its name in this folder, a group is a folder with such modules. (A module whose
name would be a keyword ends with `_`.)
"""

_DEFAULTS = {"themes": "list"}  # the command of a group where its first argument names none of its commands


class LazyGroup(click.Group):
    """A group that loads its commands when they are needed.

    Args:
        package: the package that holds them.
        commands: their names, each with the names of its own commands where it is a group.
        default: the command that runs where the first argument names none; None for a group that needs a name.
    """

    def __init__(
        self,
        *args: Any,
        package: str,
        commands: Mapping[str, Sequence[str]],
        default: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, **{"no_args_is_help": default is None, **options})
        self._package = package
        self._names = commands
        self.default = default

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Return the arguments, with the name of the default command before those that name none."""
        if self.default and (not args or args[0] not in {*self._names, *ctx.help_option_names}):
            args = [self.default, *args]
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, in their own order."""
        return list(self._names)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; None where there is none of that name."""
        if cmd_name not in self._names:
            return None
        name = f"{cmd_name}_" if keyword.iskeyword(cmd_name) else cmd_name
        module = importlib.import_module(f"{self._package}.{name}")
        if not self._names[cmd_name]:
            command: click.Command = module.command
            return command
        return LazyGroup(
            cmd_name,
            package=module.__name__,
            commands=dict.fromkeys(self._names[cmd_name], ()),
            default=_DEFAULTS.get(cmd_name),
            help=module.__doc__,
        )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the first argument names, with the arguments after it.

        Raises:
            click.UsageError: there is no such command; the message names those that there are.
        """
        name = args[0]
        if name in self._names or name.startswith("-"):
            return super().resolve_command(ctx, args)
        paths = [f"{group} {name}" for group, commands in self._names.items() if name in commands]
        hint = f"did you mean {' or '.join(map(repr, paths))}?" if paths else f"valid are: {', '.join(self._names)}"
        raise click.UsageError(f"No such command {name!r}; {hint}", ctx)


def main() -> None:
    """Run the command line and exit: 0 done, 1 something could not be read or scored, 2 usage, 3 under --fail-under."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for chatty in ("httpx2", "transformers", "huggingface_hub", "alembic"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    error = Console(stderr=True)
    try:
        hear_termination()
        code = cli.main(standalone_mode=False) or 0
        if code == stopped_by()[1]:
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # it ends now, whatever is pressed
        sys.exit(code)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        error.print("Stopped. The same command goes on where it stopped.")
        sys.exit(stopped_by()[1])
    except MissingExtraError as problem:
        error.print(plain(f"Error: {problem}\nInstall it, then run the same command again."), soft_wrap=True)
        sys.exit(1)
    except (UsageError, RubricError) as problem:
        error.print(plain(f"Error: {problem}"), soft_wrap=True)
        sys.exit(2)
    except (ConvexplainError, OSError) as problem:  # OSError: a folder that cannot be written, a disk that is full
        error.print(plain(f"Error: {problem}"), soft_wrap=True)
        sys.exit(1)


@click.group(
    cls=LazyGroup,
    package=__package__,
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__)
def cli(**_: Any) -> None:
    """Find the bad assistant turns of chat logs, see why they are bad, and what would have made them better.

    \b
    Which turns are bad? (Without --judge the best model that is there judges: no server, no key.)
        convexplain analyze chats.jsonl
    Why is the worst one bad?
        convexplain explain
    The same as a spreadsheet, a report, a dashboard:
        (analyze wrote convexplain-out/run-1/scores.csv)
        convexplain report
        convexplain dashboard
    A stronger judge: on this machine (1.1 GB, fetched once), a server of your own, or a provider:
        convexplain analyze chats.jsonl --judge small
        convexplain analyze chats.jsonl --judge 'http://localhost:8000/v1?model=NAME'
        convexplain analyze chats.jsonl --judge openai:gpt-4.1-mini
    A large log: a fast judge for every turn, a better one where it is unsure:
        convexplain analyze big.jsonl --judge embedded --escalate mixtral
    Which problems recur? (Groups of bad turns, with names, counts and causes.)
        convexplain themes
    Is this week worse than last week? (--fail-under stops a CI job.)
        convexplain runs compare 1 2
        convexplain analyze chats.jsonl --fail-under helpfulness=0.7
    """
