"""The pipeline from conversations to judgements in the store. It knows neither how to read logs nor how to judge."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, Protocol

from convexplain.errors import Problem, first_error
from convexplain.models.calls import Calls
from convexplain.models.chat import Request
from convexplain.store.store import JudgementRecord
from convexplain.types import Conversation, Judgement, Rubric

from .judgement_writer import JudgementStore, JudgementWriter
from .progress import Progress

Turns = Literal["all", "last"]
Choice = Turns | Callable[[Conversation, Rubric], Sequence[int]]
"""The turns to judge: all assistant turns, the last one, or on each rubric those that a function returns."""

_CHUNK = 16  # conversations that are judged on one rubric before the next


class TurnJudge(Protocol):
    """A judge that scores one turn on one rubric."""

    async def judge_turn(self, conversation: Conversation, turn: int, rubric: Rubric, again: int = 0) -> Judgement:
        """Return the judgement; unscored rather than an error, unless the model is gone (UnavailableError).

        `again` counts how often the same was measured before: random draws then differ from earlier ones.
        """

    def requests(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[Request]:
        """Return the calls that judging this turn makes, as far as they are clear before the model has answered."""


def turns_to_judge(conversation: Conversation, turns: Turns) -> list[int]:
    """Return the indices of the assistant turns that are judged: all of them, or the last one."""
    indices = [i for i, turn in enumerate(conversation.turns) if turn.role == "assistant"]
    return indices if turns == "all" else indices[-1:]


def chosen_turns(conversation: Conversation, turns: Choice, rubric: Rubric) -> list[int]:
    """Return the indices of the turns that are judged on a rubric; of a conversation that is judged once the last."""
    chosen = list(turns(conversation, rubric)) if callable(turns) else turns_to_judge(conversation, turns)
    return turns_to_judge(conversation, "last") if chosen and rubric.of_conversation else chosen


async def judge_into(
    store: JudgementStore,
    run: int,
    conversations: Iterable[tuple[int, Conversation]],
    rubrics: Sequence[Rubric],
    judge: TurnJudge,
    calls: Calls,
    progress: Progress,
    turns: Choice = "all",
    on_problem: Callable[[Problem], None] | None = None,
) -> None:
    """Judge every chosen turn on every rubric, and store each judgement within 100 ms.

    A turn that the run has a score for already is skipped. A bounded number of judgements is under way, so that a log
    of any length streams through.

    Args:
        store: where judgements are kept.
        run: the run's number.
        conversations: members of the run with their numbers in the store.
        rubrics: the rubrics.
        judge: scores a turn.
        calls: to its model.
        progress: receives each judgement.
        turns: which turns are judged.
        on_problem: receives conversations in which there is nothing to judge; stored and reported unless given.

    Raises:
        UnavailableError: the model is gone; what was judged until then is kept.
    """

    def report(problem: Problem) -> None:
        store.keep_problem(run, problem)
        progress.problem(problem)

    free = asyncio.Semaphore(max(32, 6 * calls.model.in_flight * calls.model.batch))

    async def judge_one(number: int, conversation: Conversation, turn: int, rubric: Rubric) -> None:
        try:
            judgement = await judge.judge_turn(conversation, turn, rubric)
        finally:
            free.release()
        writer.keep(JudgementRecord(number, rubric, judgement))
        progress.judged(judgement)

    with JudgementWriter(store, run) as writer:
        try:
            async with asyncio.TaskGroup() as group:
                for chunk in _chunks(conversations):
                    work = list(_with_judged(store, run, chunk, on_problem or report))
                    for rubric in rubrics:  # its prompts follow each other: even a server's only cache slot holds it
                        for number, conversation, judged in work:
                            for turn in chosen_turns(conversation, turns, rubric):
                                if (turn, rubric.sha) in judged:
                                    progress.skipped(1)
                                    continue
                                await free.acquire()
                                group.create_task(judge_one(number, conversation, turn, rubric))
        except BaseExceptionGroup as errors:
            raise first_error(errors) from errors


def _with_judged(
    store: JudgementStore,
    run: int,
    conversations: Sequence[tuple[int, Conversation]],
    on_problem: Callable[[Problem], None],
) -> Iterator[tuple[int, Conversation, set[tuple[int, str]]]]:
    """Yield conversations with the turns and rubrics that are judged already; those without an assistant turn not."""
    judged = store.scored_judgements(run, [number for number, _ in conversations])
    for number, conversation in conversations:
        if turns_to_judge(conversation, "last"):
            yield number, conversation, judged[number]
        else:
            on_problem(no_assistant_turn(conversation))


def _chunks(conversations: Iterable[tuple[int, Conversation]]) -> Iterator[list[tuple[int, Conversation]]]:
    remaining = iter(conversations)
    while chunk := list(islice(remaining, _CHUNK)):
        yield chunk


def no_assistant_turn(conversation: Conversation) -> Problem:
    """Return the problem of a conversation in which there is nothing to judge."""
    reason = f"conversation {conversation.id!r} has no assistant turn to judge"
    return Problem(conversation.source, None, reason, kept=True)
