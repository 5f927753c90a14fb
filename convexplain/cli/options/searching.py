"""The options of commands that look for contrasts."""

import click

from convexplain.search import described, offered_searches
from convexplain.workspace import INFILLER_NAMES

from .numbers import Count

infiller_option = click.option(
    "--infiller",
    default="embedded",
    show_default=True,
    metavar="NAME",
    help=f"The model that proposes other words, one of: {INFILLER_NAMES}.",
)
search_option = click.option(
    "--search",
    type=click.Choice([search.name for search in offered_searches()]),
    default="guided",
    show_default=True,
    help=f"The search algorithm. {described(offered_searches())}",
)
budget_option = click.option(
    "--budget",
    type=Count(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="Edited texts that are tried at most in one search.",
)
