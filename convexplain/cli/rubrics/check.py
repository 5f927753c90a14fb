"""`convexplain rubrics check`: is a rubric file valid?."""

from pathlib import Path

import click

from convexplain.rubrics import load_rubric
from convexplain.text.visible import one_line


@click.command("check")
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> None:
    """Check a rubric FILE of your own; says file, line and key of what is wrong."""
    loaded = load_rubric(file)
    counts = f"{len(loaded.labels)} labels, {len(loaded.examples)} examples"
    click.echo(one_line(f"{file}: rubric {loaded.id!r} is valid: {counts}"))
