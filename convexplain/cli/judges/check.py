"""`convexplain judges check`: does a model answer, and can it judge?"""

import click

from convexplain.text.visible import one_line
from convexplain.workspace import Workspace


@click.command("check")
@click.argument("model")
def command(model: str) -> int:
    """Ask MODEL a few questions: does it answer, with log-probabilities, and how fast?

    \b
        convexplain judges check 'http://localhost:8000/v1'
        convexplain judges check openai:gpt-4.1-mini
        convexplain judges check gguf:qwen2.5-1.5b-instruct-q4_k_m.gguf
    """
    check = Workspace().check_model(model)
    for name, value in check.rows():
        click.echo(f"{name:22} {one_line(value)}")
    return 0 if check.usable else 1
