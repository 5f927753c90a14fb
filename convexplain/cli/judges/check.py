"""`convexplain judges check`: does a model answer, and can it judge?"""

import click

from convexplain.text.visible import one_line
from convexplain.workspace import CHECK_CALLS, JudgeSpec, Workspace

from ..options.judging import dry_run_option


@click.command("check")
@click.argument("model")
@dry_run_option
def command(model: str, dry_run: bool) -> int:
    """Ask MODEL three questions: does it answer, and how fast?

    \b
        convexplain judges check 'http://localhost:8000/v1'
        convexplain judges check openai:gpt-4.1-mini
        convexplain judges check gguf:qwen2.5-1.5b-instruct-q4_k_m.gguf
    """
    if dry_run:
        click.echo(f"{CHECK_CALLS} short questions to {one_line(JudgeSpec.parse(model).public)}. Nothing was asked.")
        return 0
    check = Workspace().check_model(model)
    for name, value in check.rows():
        click.echo(f"{name:22} {one_line(value)}")
    return 0 if check.usable else 1
