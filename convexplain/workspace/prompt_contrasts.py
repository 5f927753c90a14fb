"""Contrasts of one prompt: edits that change a model's answer to it."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from convexplain.errors import ModelError, UnavailableError
from convexplain.explain.measurement import responder_request
from convexplain.judges.scoring import ScoringFunction
from convexplain.models.calls import Calls
from convexplain.models.infilling import Infiller, Masked
from convexplain.search import Options, SearchResult, asearch
from convexplain.types import Turn

# What section 5.1 of the CELL paper compares with: the model is asked for a contrast outright.
_BASELINE = (
    "Below are a prompt and an answer to it. Write another answer to the prompt that people would like less than the "
    "given one. Write one sentence of fewer than 20 words, straight to the point, and nothing else.\n\n"
    "Prompt:\n{prompt}\n\nGiven answer:\n{response}"
)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The answer of a model that is asked outright for a less preferable answer.

    Attributes:
        response: its answer; empty where it gave none.
        score: the answer's score; None where it has none.
    """

    response: str
    score: float | None


@dataclass(frozen=True, slots=True)
class PromptContrast:
    """A contrast of one prompt.

    Attributes:
        result: what the search returned.
        baseline: what the model answers that is asked outright; None where it was not asked.
        note: what a reader should know of the score; empty where there is nothing.
    """

    result: SearchResult
    baseline: Baseline | None = None
    note: str = ""

    @property
    def unscored(self) -> int:
        """Return how many answers have no score."""
        return self.result.failed + (self.baseline is not None and self.baseline.score is None)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self)


@dataclass(slots=True)
class PromptModels:
    """The functions that a search takes. An answer that could not be had is empty, and has no score.

    Attributes:
        calls: to the model that is explained.
        infiller: fills holes.
        function: scores answers.
        note: what a reader should know of the score; empty where there is nothing.
        error: why the last answer or fill could not be had.
    """

    calls: Calls
    infiller: Infiller
    function: ScoringFunction
    note: str = ""
    error: str = ""

    async def respond(self, texts: Sequence[str]) -> list[str]:
        """Return the model's answers."""
        return list(await asyncio.gather(*map(self._answer, texts)))

    async def infill(self, masked: Sequence[Masked]) -> list[str | None]:
        """Return a fill for each hole; None where there is none."""
        try:
            fills = await self.infiller.infill(masked, 1)
        except UnavailableError:
            raise
        except ModelError as error:
            self.error = str(error)
            return [None for _ in masked]
        return [next(iter(choices), None) for choices in fills]

    async def score(self, x0: str, y0: str, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """Return the scores of answers; None where there is none."""
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


async def contrast_prompt(
    models: PromptModels, prompt: str, delta: float, search: str, options: Options, baseline: bool
) -> PromptContrast:
    """Look for the smallest edit of a prompt that makes the score of the answer reach delta.

    Raises:
        UsageError: an argument is not valid.
        ModelError: the model gives no answer to the prompt.
        UnavailableError: a model is gone.
    """
    if not (await models.respond([prompt]))[0]:  # kept: the search does not ask it again
        raise ModelError(f"{models.calls.model.name}: {models.error or 'its answer to the prompt is empty'}")
    result = await asearch(
        search, prompt, respond=models.respond, infill=models.infill, score=models.score, delta=delta, **options
    )
    if not baseline:
        return PromptContrast(result, note=models.note)
    before = result.response_before
    (response,) = await models.respond([_BASELINE.format(prompt=prompt, response=before)])
    (value,) = await models.score(prompt, before, [(prompt, response)])
    return PromptContrast(result, Baseline(response, value), models.note)
