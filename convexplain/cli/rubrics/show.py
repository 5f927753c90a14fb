"""`convexplain rubrics show`: what a maxim asks."""

import click

from convexplain.rubrics import load_rubric


@click.command("show")
@click.argument("rubric", metavar="ID|FILE")
def command(rubric: str) -> None:
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
