"""`convexplain models`: the models that can judge."""

import click

from convexplain.text.visible import one_line
from convexplain.workspace import Workspace


@click.group("models")
def models_group() -> None:
    """The models that can judge."""


@models_group.command("check")
@click.argument("model")
def check(model: str) -> int:
    """Ask MODEL a few questions: does it answer, with log-probabilities, and how fast?

    \b
        convexplain models check 'http://localhost:8000/v1'
        convexplain models check openai:gpt-4.1-mini
        convexplain models check gguf:qwen2.5-1.5b-instruct-q4_k_m.gguf
    """
    result = Workspace().check_model(model)
    for name, value in result.rows():
        click.echo(f"{name:22} {one_line(value)}")
    return 0 if result.usable else 1
