"""`convexplain rubrics show`: what a maxim asks."""

import click

from convexplain.explain.wording import scope_note
from convexplain.rubrics import load_rubric
from convexplain.text.visible import visible


@click.command("show")
@click.argument("rubric", metavar="ID|FILE")
def command(rubric: str) -> None:
    """Show a maxim: requirement, labels, examples and notes."""
    loaded = load_rubric(rubric)
    head = f"{loaded.title}  [{loaded.id}, {loaded.category}{scope_note(loaded)}], threshold {loaded.threshold:g}"
    lines = [f"{head}\n\n{loaded.requirement}\n"]
    lines += [f"  {label.name} = {label.value:g}: {label.criterion}" for label in loaded.labels]
    lines += [f"\nNote: {note}" for note in loaded.notes]
    for example in loaded.examples:
        lines += [f"\nExample for {example.label}:", *(f"  {turn.role}: {turn.content}" for turn in example.turns)]
    click.echo(visible("\n".join(lines)))
