"""The options of commands that look for contrasts."""

from typing import get_args

import click

from convexplain.search import described, offered_searches
from convexplain.search.similarity import Similarity
from convexplain.workspace import EDITOR_NAMES, INFILLER_NAMES

from .numbers import Count, Share

infiller_option = click.option(
    "--infiller",
    default="embedded",
    show_default=True,
    metavar="NAME",
    help="The model that fills holes, for searches that edit single words and for --editor infill; one of:"
    f" {INFILLER_NAMES}.",
)
editor_option = click.option(
    "--editor",
    "editors",
    multiple=True,
    metavar="NAME",
    help=f"What proposes texts, for --search natural; may be repeated. One of: {EDITOR_NAMES}."
    "  [default: delete and swap, and rewrite if the judge or the responder is a chat model]",
)
any_text_option = click.option(
    "--any-text", is_flag=True, help="Accept edited texts that do not read well, or that change facts."
)
placebo_option = click.option(
    "--placebo",
    type=Count(min=0),
    default=5,
    show_default=True,
    metavar="N",
    help="For each contrast, measure up to N edits elsewhere that are about as large; 0 measures none.",
)
alpha_option = click.option(
    "--alpha",
    type=Share(),
    default=0.5,
    show_default=True,
    metavar="A",
    help="For --search cell_budget: of the texts that each round begins with, the share that goes on from the best"
    " texts so far; the others change one unit of the text itself. 0 explores only, 1 only goes on.",
)
radius_option = click.option(
    "--radius",
    type=Count(min=1),
    metavar="R",
    help="For --search cell_budget: edit only units at most R places away from one that is edited already. The authors'"
    " own code has 5.  [default: anywhere, as in the paper]",
)
similarity_option = click.option(
    "--similarity",
    type=click.Choice(get_args(Similarity)),
    default="edits",
    show_default=True,
    help="Which of several contrasts is the smallest. edits: the one with the fewest edits. bleu, rouge: the one whose"
    " text has the highest sentence BLEU, or ROUGE-L, with the text before.",
)
search_option = click.option(
    "--search",
    type=click.Choice([search.name for search in offered_searches()]),
    help=f"The search algorithm. {described(offered_searches())}  [default: natural; with --prompt guided]",
)
keep_option = click.option(
    "--keep",
    multiple=True,
    metavar="IDS",
    help="Maxims that the edit must not lower by more than the judge's noise, such as harm,informativeness: of the run,"
    " or any other that `convexplain rubrics` lists. Where every edit lowers one of them, the edits to choose from are"
    " listed instead.",
)
pareto_option = click.option(
    "--pareto",
    is_flag=True,
    help="With --keep: list the edits to choose from also where one lowers nothing. Each is better than every other one"
    " on some count: the score, a kept maxim, or fewer changed words.",
)
budget_option = click.option(
    "--budget",
    type=Count(min=1),
    default=50,
    show_default=True,
    metavar="N",
    help="Measurements of edited texts in one search at most, repeated ones and those on kept maxims too; placebos,"
    " what editors ask a model, and up to 8 edits for the list of --keep come on top.",
)
