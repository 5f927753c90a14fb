"""Contrasts of prompts: edits that change a model's answer to them."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from convexplain.errors import ModelError, UnavailableError
from convexplain.explain.measurement import responder_request
from convexplain.fidelity import ContrastMeasures
from convexplain.judges.preference import ChatPreference
from convexplain.models.calls import Calls
from convexplain.models.infilling import Infiller, Masked
from convexplain.search import Options, SearchResult, asearch
from convexplain.search.editable import editable
from convexplain.types import Turn

from .answer_comparison import AnswerComparison, compare_answers
from .prompt_files import PromptCase
from .prompt_scores import PromptScore

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
        seconds: how long it took.
        comparison: how helpful the answers are beside the contrast's; None where there is no contrast, or no judge was
            asked.
    """

    result: SearchResult
    baseline: Baseline | None = None
    note: str = ""
    seconds: float = field(default=0.0, compare=False)
    comparison: AnswerComparison | None = None

    @property
    def unscored(self) -> int:
        """Return how many answers have no score."""
        return self.result.failed + (self.baseline is not None and self.baseline.score is None)

    def measures(self, prompt: str) -> ContrastMeasures:
        """Return the measures of the contrast, given the prompt before it was edited."""
        result = self.result
        return ContrastMeasures(result.found, prompt, result.text, result.calls, result.prompts, self.seconds)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        return asdict(self)


@dataclass(slots=True)
class PromptModels:
    """The functions that a search takes. An answer that could not be had is empty, and has no score.

    Attributes:
        calls: to the model that is explained.
        infiller: fills holes.
        scoring: scores answers.
        case: the prompt, with what the model receives besides it.
        preference: says which of two answers is more helpful; None where nobody is asked.
        error: why the last answer or fill could not be had.
    """

    calls: Calls
    infiller: Infiller
    scoring: PromptScore
    case: PromptCase
    preference: ChatPreference | None = None
    error: str = ""

    async def respond(self, prompts: Sequence[str]) -> list[str]:
        """Return the model's answers to edited prompts, with what stands around the prompt."""
        return await self.answer(list(map(self.whole, prompts)))

    def whole(self, prompt: str) -> str:
        """Return the text of a prompt's message: the document, where there is one, and the prompt."""
        return f"{self.case.document}\n\n{prompt}" if self.case.document else prompt

    async def answer(self, texts: Sequence[str]) -> list[str]:
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
        if self.scoring.reads_question:
            x0, answered = self.whole(x0), [(self.whole(prompt), response) for prompt, response in answered]
        scores = iter(await asyncio.to_thread(self.scoring.function, x0, y0, answered) if answered else [])
        return [next(scores) if y0 and pair[1] else None for pair in pairs]

    async def _answer(self, text: str) -> str:
        system = [Turn("system", self.case.system)] if self.case.system else []
        try:
            return (await self.calls.ask(responder_request([*system, Turn("user", text)]))).text.strip()
        except UnavailableError:
            raise
        except ModelError as error:
            self.error = str(error)
            return ""


async def contrast_case(
    models: PromptModels, delta: float, search: str, options: Options, baseline: bool
) -> PromptContrast:
    """Look for the smallest edit of a prompt that makes the score of the answer reach delta.

    Raises:
        UsageError: an argument is not valid.
        ModelError: the model gives no answer to the prompt.
        UnavailableError: a model is gone.
    """
    began = time.monotonic()
    prompt = models.case.prompt
    if not (await models.respond([prompt]))[0]:  # kept: the search does not ask it again
        raise ModelError(f"{models.calls.model.name}: {models.error or 'its answer to the prompt is empty'}")
    pieces: str | list[str] = prompt
    if models.case.editable:
        pieces, units = _span_units(models.case, options.get("split_k", 1))
        options = options.copy()
        options["editable"] = units
    result = await asearch(
        search, pieces, respond=models.respond, infill=models.infill, score=models.score, delta=delta, **options
    )
    outright = await _baseline(models, result.response_before) if baseline else None
    seconds, comparison = time.monotonic() - began, None
    if models.preference is not None and result.found:
        answers = (result.response_before, result.response, outright.response if outright else "")
        comparison = await compare_answers(models.preference, models.whole(prompt), *answers)
    return PromptContrast(result, outright, models.scoring.note, seconds, comparison)


async def _baseline(models: PromptModels, before: str) -> Baseline:
    """The model's answer when it is asked outright for a less preferable one than `before`."""
    prompt = models.case.prompt
    (response,) = await models.answer([_BASELINE.format(prompt=models.whole(prompt), response=before)])
    (value,) = await models.score(prompt, before, [(prompt, response)])
    return Baseline(response, value)


def _span_units(case: PromptCase, split_k: int) -> tuple[list[str], list[int]]:
    """Return the prompt in pieces, and which of them are the units of its editable part."""
    before, _, after = case.prompt.partition(case.editable)
    pieces, units, at = [before], list[int](), 0
    for unit in editable([Turn("user", case.editable)], [0], split_k=split_k).units:
        pieces += [case.editable[at : unit.start], case.editable[unit.start : unit.end]]
        units.append(len(pieces) - 1)
        at = unit.end
    return [*pieces, case.editable[at:] + after], units
