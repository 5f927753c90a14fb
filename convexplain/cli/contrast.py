"""`convexplain contrast`: what would have changed a model's answer to one prompt."""

import click
from rich.console import Console

from convexplain.errors import UsageError
from convexplain.explain.wording import counted
from convexplain.search import SearchResult
from convexplain.workspace import MODEL_NAMES, SCORE_NAMES

from .options.searching import budget_option, infiller_option, search_option
from .options.store import db_option, open_workspace, seed_option
from .show.contrasts import show_diff, show_response
from .show.progress import plain


@click.command("contrast")
@click.option(
    "--prompt",
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    required=True,
    metavar="FILE",
    help="The prompt; - reads it from the standard input.",
)
@click.option("--score", required=True, metavar="NAME", help=f"What an answer has to become, one of: {SCORE_NAMES}.")
@click.option(
    "--responder", required=True, metavar="MODEL", help=f"The model that is explained, one of: {MODEL_NAMES}."
)
@click.option("--delta", type=float, default=0.5, show_default=True, metavar="D", help="Score of a contrast at least.")
@infiller_option
@budget_option
@click.option(
    "--split-k", type=click.IntRange(min=1), default=3, show_default=True, metavar="K", help="Words edited as one."
)
@search_option
@seed_option
@click.option("--baseline", is_flag=True, help="Also ask the model itself for a less preferable answer, to compare.")
@db_option
def command(
    file: str,
    score: str,
    responder: str,
    delta: float,
    infiller: str,
    budget: int,
    split_k: int,
    search: str,
    seed: int,
    baseline: bool,
    db: str | None,
) -> int:
    """Look for the smallest edit of a prompt that makes a model answer something contrary, or less preferable.

    \b
        convexplain contrast --prompt question.txt --score contradiction --responder 'http://localhost:8000/v1'
        echo 'May I accept a gift?' | convexplain contrast --prompt - --score preference --responder embedded
    """
    with click.open_file(file, encoding="utf-8", errors="replace") as opened:
        prompt = opened.read().strip()
    if not prompt:
        raise UsageError("--prompt: the file is empty; a prompt has at least one word")
    contrast = open_workspace(db).contrast_prompt(
        prompt,
        score,
        responder,
        infiller,
        delta=delta,
        search=search,
        baseline=baseline,
        budget=budget,
        split_k=split_k,
        seed=seed,
    )
    console = Console()
    _show(console, score, prompt, delta, contrast.result)
    if (other := contrast.baseline) is not None:
        show_response(console, f"baseline ({score} {_number(other.score)}, asked outright)", other.response)
    return 1 if contrast.unscored else 0


def _show(console: Console, name: str, prompt: str, delta: float, result: SearchResult) -> None:
    if result.found:
        spent = f"{counted(len(result.edits), 'edit')}, {counted(result.calls, 'call')}"
        outcome = f"{name} {_number(result.score)} (delta {delta:g}), {spent}"
    elif not result.calls:
        outcome = "nothing to edit: " + (
            "the infiller had nothing to put in" if result.infills else "no word in the prompt"
        )
    elif result.score is None:
        outcome = f"no contrast: none of {counted(result.calls, 'edited prompt')} could be scored"
    else:
        within = counted(result.calls, "call")
        outcome = f"no contrast within {within} (delta {delta:g}); the highest {name} was {result.score:.2f}"
    console.print(plain(outcome), style="bold", soft_wrap=True)
    show_diff(console, "prompt", prompt, result.text)
    show_response(console, "response before", result.response_before)
    if result.edits:
        show_response(console, "response after", result.response)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
