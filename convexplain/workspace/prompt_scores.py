"""The scoring function of a prompt's contrast, opened: by its weights, or by a chat model in their place."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from convexplain.connectors.scorers import ScoreKind, find_score
from convexplain.errors import MissingExtraError, UnavailableError, UsageError
from convexplain.judges.judge import SAMPLES
from convexplain.judges.label_choice import LabelChoice
from convexplain.judges.scoring import ScoringFunction
from convexplain.models.calls import Calls
from convexplain.models.chat import Cache

from .build import open_calls


@dataclass(frozen=True, slots=True)
class PromptScore:
    """The opened score of the answers to a prompt.

    Attributes:
        function: the scoring function.
        note: what a reader should know of it; empty where there is nothing.
        reads_question: it is shown what stands before the prompt too.
    """

    function: ScoringFunction
    note: str = ""
    reads_question: bool = False


def sampled_questions(questions: int) -> int:
    """Return how many questions a model is asked that gives no label probabilities: one in vain, and each often."""
    return questions * SAMPLES + 1


def score_model(score: str) -> str | None:
    """Return the chat model that a score's name names: empty for the model that is explained; None where it names none.

    Raises:
        UsageError: there is no such score.
        MissingExtraError: what the score needs is not installed.
    """
    kind, target = find_score(score)
    model = kind.chat_model(target)
    if model is None:
        kind.make(target)  # nothing is loaded
    return model


@asynccontextmanager
async def open_prompt_score(
    score: str | ScoringFunction, responder: Calls, cache: Cache | None
) -> AsyncIterator[PromptScore]:
    """Open what scores the answers to a prompt.

    A score that is named without a model takes the weights of the CELL paper. Where these cannot be had, and a chat
    model can do their work, the model that is explained does, and the note says so.

    Args:
        score: a name out of `connectors.scorers.SCORES`, or a function of one's own.
        responder: calls to the model that is explained.
        cache: where replies of a chat model are kept.

    Raises:
        UsageError: there is no such score, or the model that is explained cannot compare answers.
        MissingExtraError, UnavailableError: what the score needs cannot be had.
    """
    if not isinstance(score, str):
        yield PromptScore(score)
        return
    kind, target = find_score(score)
    model = kind.chat_model(target)
    if model:
        async with open_calls(model, cache) as calls:
            yield PromptScore(_by_chat(kind, calls), "", kind.reads_question)
    elif model is not None:
        yield PromptScore(_by_chat(kind, responder), "", kind.reads_question)
    elif target or kind.make_of_chat is None:
        yield PromptScore(kind.make(target), "", kind.reads_question)
    else:
        yield PromptScore(*await _weights_or_responder(kind, responder), kind.reads_question)


async def _weights_or_responder(kind: ScoreKind, responder: Calls) -> tuple[ScoringFunction, str]:
    function = kind.make("")
    try:
        await asyncio.to_thread(function, "", "Yes.", [("", "No.")])
    except (MissingExtraError, UnavailableError) as error:
        reason = str(error).partition("\n")[0]
        note = (
            f"{kind.name} was scored by {responder.model.name}, the model that is explained, because the paper's "
            f"weights cannot be had here ({reason}). {kind.name}:chat=MODEL takes another chat model"
        )
        return _by_chat(kind, responder, reason), note
    return function, ""


def check_compares(calls: Calls, place: str, because: str = "", example: str = "") -> None:
    """Check that a model can compare two answers.

    Args:
        calls: to the model.
        place: the argument that names it.
        because, example: why it is asked, and how another is named; both for the message.

    Raises:
        UsageError: it cannot.
    """
    if getattr(calls.model, "only_heads", False):
        raise UsageError(
            f"{place}: {calls.model.name} cannot compare two answers (asked for a label, it is at chance){because}. "
            f"Name a chat model{example}"
        )


def _by_chat(kind: ScoreKind, calls: Calls, reason: str = "") -> ScoringFunction:
    because = f"; the paper's weights cannot be had here ({reason})" if reason else ""
    check_compares(calls, f"score {kind.name!r}", because, f": {kind.name}:chat=MODEL")
    assert kind.make_of_chat is not None
    return kind.make_of_chat(LabelChoice(calls))
