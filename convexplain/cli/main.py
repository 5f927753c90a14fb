"""The command line's entry point, and the list of its commands."""

import importlib
import logging
import sys
from typing import Any

import click
from rich.console import Console

from convexplain import __version__
from convexplain.errors import ConvexplainError, RubricError, UsageError

from .show.progress import plain

COMMANDS = {
    "analyze": "analyze:analyze_command",
    "calibrate": "calibrate:calibrate_command",
    "contrast": "contrast:contrast_command",
    "dashboard": "dashboard:dashboard_command",
    "explain": "explain:explain_command",
    "export": "export:export_command",
    "fidelity": "fidelity:fidelity_command",
    "formats": "imports:formats_command",
    "import": "imports:import_command",
    "judge-noise": "judge_noise:noise_command",
    "models": "models:models_group",
    "report": "report:report_command",
    "rubrics": "rubrics:rubrics_group",
    "runs": "runs:runs_command",
    "train-head": "train_head:train_command",
    "validate": "validate:validate_command",
}
"""Each command's module in this folder, and its name there: only the command that is run is loaded."""


class Commands(click.Group):
    """A group whose commands are loaded when they are needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command; None where there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(f".{module}", __package__), name)
        return command


def main() -> None:
    """Run the command line and exit: 0 done, 1 something could not be read or scored, 2 usage."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    for chatty in ("httpx2", "transformers", "huggingface_hub", "alembic"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    error = Console(stderr=True)
    try:
        sys.exit(cli.main(standalone_mode=False) or 0)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.ClickException as problem:
        problem.show()
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        error.print("Stopped. The same command goes on where it stopped.")
        sys.exit(130)
    except (UsageError, RubricError) as problem:
        error.print(plain(f"Error: {problem}"), soft_wrap=True)
        sys.exit(2)
    except (ConvexplainError, OSError) as problem:  # OSError: a folder that cannot be written, a disk that is full
        error.print(plain(f"Error: {problem}"), soft_wrap=True)
        sys.exit(1)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__)
def cli(**_: Any) -> None:
    """Says how good every assistant turn of a chat log is, and what its score hangs on.

    \b
    A first look, with the embedded model (no server, no key):
        convexplain analyze mylog.jsonl
    With a server of your own (vLLM, llama.cpp, Ollama, TGI), a provider, or a model file on this machine:
        convexplain analyze mylog.jsonl --judge 'http://localhost:8000/v1?model=NAME'
        convexplain analyze mylog.jsonl --judge openai:gpt-4.1-mini
        convexplain analyze mylog.jsonl --judge gguf:model.gguf
    Logs are read again each time, or once into the store:
        convexplain import exports/
        convexplain analyze --stored
    What would have changed the lowest scores of that:
        convexplain explain
    """
