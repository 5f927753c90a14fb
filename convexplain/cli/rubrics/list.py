"""`convexplain rubrics list`: the maxims that come with convexplain."""

import click

from convexplain.rubrics import load_rubric, rubric_ids


@click.command("list")
def command() -> None:
    """List the maxims that come with convexplain.

    Those of the category conversation judge a conversation once.
    """
    for name in rubric_ids():
        rubric = load_rubric(name)
        click.echo(f"{rubric.id:20} {rubric.category:13} {rubric.title}")
