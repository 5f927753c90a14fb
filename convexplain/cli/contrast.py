"""`convexplain contrast`: what would have changed a model's answer to one prompt."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import click
from rich.console import Console

from convexplain.cli.show.contrasts import show_diff, show_response
from convexplain.cli.show.runs import plain
from convexplain.connectors.models import NAMES
from convexplain.connectors.scorers import NAMES as SCORES
from convexplain.connectors.scorers import open_score
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.explain.measurement import responder_request
from convexplain.explain.wording import counted
from convexplain.judges.scoring import ScoringFunction
from convexplain.models.calls import Calls
from convexplain.models.infilling import Infiller, Masked
from convexplain.search import Options, Result, acell, acell_budget, afew, aguided
from convexplain.types import Turn
from convexplain.workspace.build import asking, filling

from .options import budget_option, db_option, infiller_option, open_store, search_option, seed_option

_SEARCHES = {"guided": aguided, "few": afew, "cell_budget": acell_budget, "cell": acell}

# What section 5.1 of the CELL paper compares with: the model is asked for a contrast outright.
_BASELINE = (
    "Below are a prompt and an answer to it. Write another answer to the prompt that people would like less than the "
    "given one. Write one sentence of fewer than 20 words, straight to the point, and nothing else.\n\n"
    "Prompt:\n{prompt}\n\nGiven answer:\n{response}"
)


@click.command("contrast")
@click.option(
    "--prompt",
    "file",
    type=click.Path(exists=True, dir_okay=False, allow_dash=True),
    required=True,
    metavar="FILE",
    help="The prompt; - reads it from the standard input.",
)
@click.option("--score", required=True, metavar="NAME", help=f"What an answer has to become, one of: {SCORES}.")
@click.option("--responder", required=True, metavar="MODEL", help=f"The model that is explained, one of: {NAMES}.")
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
def contrast_command(
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
    options: Options = {"budget": budget, "split_k": split_k, "seed": seed}
    return asyncio.run(
        _contrast(prompt, score, open_score(score), delta, responder, infiller, search, options, baseline, db)
    )


async def _contrast(
    prompt: str,
    name: str,
    score: ScoringFunction,
    delta: float,
    responder: str,
    infiller: str,
    search: str,
    options: Options,
    baseline: bool,
    db: str | None,
) -> int:
    console = Console()
    async with asking(responder, open_store(db)) as calls, filling(infiller) as fills:
        explained = _Explained(calls, fills, score)
        if not (await explained.respond([prompt]))[0]:  # kept: the search does not ask it again
            raise ModelError(f"{calls.model.name}: {explained.error or 'its answer to the prompt is empty'}")
        found = await _SEARCHES[search](
            prompt, respond=explained.respond, infill=explained.infill, score=explained.score, delta=delta, **options
        )
        _show(console, name, prompt, delta, found)
        missing = found.failed > 0
        if baseline:
            other = (await explained.respond([_BASELINE.format(prompt=prompt, response=found.response_before)]))[0]
            (value,) = await explained.score(prompt, found.response_before, [(prompt, other)])
            show_response(console, f"baseline ({name} {_number(value)}, asked outright)", other)
            missing = missing or value is None
    return 1 if missing else 0


@dataclass(slots=True)
class _Explained:
    """The functions that a search takes. An answer that could not be had is empty, and has no score."""

    calls: Calls
    infiller: Infiller
    function: ScoringFunction
    error: str = ""

    async def respond(self, texts: Sequence[str]) -> list[str]:
        return list(await asyncio.gather(*map(self._answer, texts)))

    async def infill(self, masked: Sequence[Masked]) -> list[str | None]:
        try:
            fills = await self.infiller.infill(masked, 1)
        except UnavailableError:
            raise
        except ModelError as error:
            self.error = str(error)
            return [None for _ in masked]
        return [next(iter(some), None) for some in fills]

    async def score(self, x0: str, y0: str, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        answered = [pair for pair in pairs if y0 and pair[1]]
        scores = iter(await asyncio.to_thread(self.function, x0, y0, answered) if answered else [])
        return [next(scores) if y0 and pair[1] else None for pair in pairs]

    async def _answer(self, text: str) -> str:
        try:
            return (await self.calls.ask(responder_request([Turn("user", text)]))).text.strip()
        except UnavailableError:
            raise
        except ModelError as error:
            self.error = str(error)
            return ""


def _show(console: Console, name: str, prompt: str, delta: float, found: Result) -> None:
    if found.found:
        spent = f"{counted(len(found.edits), 'edit')}, {counted(found.calls, 'call')}"
        outcome = f"{name} {_number(found.score)} (delta {delta:g}), {spent}"
    elif not found.calls:
        outcome = "nothing to edit: " + (
            "the infiller had nothing to put in" if found.infills else "no word in the prompt"
        )
    elif found.score is None:
        outcome = f"no contrast: none of {counted(found.calls, 'edited prompt')} could be scored"
    else:
        within = counted(found.calls, "call")
        outcome = f"no contrast within {within} (delta {delta:g}); the highest {name} was {found.score:.2f}"
    console.print(plain(outcome), style="bold", soft_wrap=True)
    show_diff(console, "prompt", prompt, found.text)
    show_response(console, "response before", found.response_before)
    if found.edits:
        show_response(console, "response after", found.response)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"
