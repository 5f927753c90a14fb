"""A judge's comparison of the answers to a prompt: is the contrast's the less helpful one?"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from convexplain.judges.label_choice import LabelChoice
from convexplain.judges.preference import ChatPreference
from convexplain.models.chat import Cache

from .build import open_calls
from .judge_arguments import ModelLike
from .prompt_scores import check_compares

QUESTIONS = 2
"""Questions for each comparison: one in either order."""


@dataclass(frozen=True, slots=True)
class AnswerComparison:
    """By how much other answers to a prompt are more helpful than the contrast's, in both orders; in [-1, 1].

    Positive = the contrast's answer is the less helpful one.

    Attributes:
        first: the lead of the answer to the prompt before it was edited; None where the judge gave none.
        baseline: the lead of the baseline's answer; None also where there is no baseline.
        judge: the name of the model that compared them.
    """

    first: float | None
    baseline: float | None
    judge: str


@asynccontextmanager
async def open_preference(judge: ModelLike | None, cache: Cache | None) -> AsyncIterator[ChatPreference | None]:
    """Open the judge that compares answers; None for none.

    Raises:
        UsageError: the model cannot compare two answers.
        UnavailableError: it cannot be had.
    """
    if judge is None:
        yield None
        return
    async with open_calls(judge, cache) as calls:
        check_compares(calls, "judge")
        yield ChatPreference(LabelChoice(calls))


async def compare_answers(
    preference: ChatPreference, prompt: str, first: str, contrast: str, baseline: str = ""
) -> AnswerComparison:
    """Compare the first answer to a prompt, and the baseline's where there is one, with the contrast's.

    Raises:
        UnavailableError: the judge is gone.
    """

    async def lead(answer: str) -> float | None:
        if not answer:
            return None
        (score,) = await asyncio.to_thread(preference, prompt, answer, [(prompt, contrast)])
        return score

    return AnswerComparison(await lead(first), await lead(baseline), preference.name)
