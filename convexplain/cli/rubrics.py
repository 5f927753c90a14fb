"""`convexplain rubrics`: what the maxims ask, and whether a file of one's own is valid."""

from pathlib import Path

import click

from convexplain.rubrics import load_rubric, rubric_ids


@click.group("rubrics")
def rubrics_group() -> None:
    """The maxims: what they ask, and whether a file of your own is valid."""


@rubrics_group.command("list")
def list_rubrics() -> None:
    """List the maxims that come with convexplain."""
    for name in rubric_ids():
        rubric = load_rubric(name)
        click.echo(f"{rubric.id:16} {rubric.category:13} {rubric.title}")


@rubrics_group.command("show")
@click.argument("rubric", metavar="ID|FILE")
def show_rubric(rubric: str) -> None:
    """Show a maxim: requirement, labels, examples and notes."""
    loaded = load_rubric(rubric)
    head = f"{loaded.title}  [{loaded.id}, {loaded.category}], threshold {loaded.threshold:g}"
    click.echo(f"{head}\n\n{loaded.requirement}\n")
    for label in loaded.labels:
        click.echo(f"  {label.name} = {label.value:g}: {label.criterion}")
    for note in loaded.notes:
        click.echo(f"\nNote: {note}")
    for example in loaded.examples:
        click.echo(f"\nExample for {example.label}:")
        for turn in example.turns:
            click.echo(f"  {turn.role}: {turn.content}")


@rubrics_group.command("check")
@click.argument("file", type=click.Path(path_type=Path))
def check_rubric(file: Path) -> None:
    """Check a rubric FILE of your own; says file, line and key of what is wrong."""
    loaded = load_rubric(file)
    click.echo(f"{file}: rubric {loaded.id!r} is valid: {len(loaded.labels)} labels, {len(loaded.examples)} examples")
