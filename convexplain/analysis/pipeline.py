"""The one pipeline: conversations in, judgements into the store. It knows neither how to read logs nor how to judge."""

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal, Protocol

from convexplain.errors import Problem, first_error
from convexplain.models.calls import Calls
from convexplain.models.chat import Request
from convexplain.store import RunStore
from convexplain.types import Conversation, Judgement, Rubric

from .progress import Progress

Turns = Literal["all", "last"]
Choice = Turns | Callable[[Conversation, Rubric], Sequence[int]]
"""Which turns are judged: all the assistant's, the last one, or on each rubric those that a function names."""

_CHUNK = 16  # conversations that are judged on one rubric before the next


class TurnJudge(Protocol):
    """What scores one turn on one rubric."""

    async def judge_turn(self, conversation: Conversation, turn: int, rubric: Rubric, again: int = 0) -> Judgement:
        """The judgement; unscored rather than an error, unless the model is gone (UnavailableError).

        `again` counts how often the same was measured before: what is drawn by chance is then drawn anew.
        """

    def requests(self, conversation: Conversation, turn: int, rubric: Rubric) -> list[Request]:
        """The calls that judging this turn makes, as far as they are known before the model has answered."""


def turns_to_judge(conversation: Conversation, turns: Turns) -> list[int]:
    """Indices of the assistant turns that are judged: all of them, or the last one."""
    found = [i for i, turn in enumerate(conversation.turns) if turn.role == "assistant"]
    return found if turns == "all" else found[-1:]


def chosen_turns(conversation: Conversation, turns: Choice, rubric: Rubric) -> list[int]:
    """Indices of the turns that are judged on a rubric."""
    return list(turns(conversation, rubric)) if callable(turns) else turns_to_judge(conversation, turns)


async def judge_into(
    store: RunStore,
    run: int,
    conversations: Iterable[Conversation],
    rubrics: Sequence[Rubric],
    judge: TurnJudge,
    calls: Calls,
    progress: Progress,
    turns: Choice = "all",
) -> None:
    """Judges every chosen turn on every rubric and keeps each judgement as soon as it is there.

    What the run has a score for already is skipped. A bounded number of judgements is under way, so that a log of any
    length streams through.

    Raises:
        UnavailableError: the model is gone; what was judged until then is kept.
    """
    room = asyncio.Semaphore(max(32, 4 * calls.model.in_flight * calls.model.batch))

    async def one(number: int, conversation: Conversation, turn: int, rubric: Rubric) -> None:
        try:
            judgement = await judge.judge_turn(conversation, turn, rubric)
        finally:
            room.release()
        store.keep_judgement(run, number, rubric, judgement)
        progress.judged(judgement)

    def begin(conversation: Conversation) -> tuple[int, Conversation, set[tuple[int, str]]] | None:
        """Its number, itself, and what is judged already; None when there is nothing to judge."""
        number = store.keep_conversation(conversation, run)
        if not turns_to_judge(conversation, "last"):
            problem = no_assistant_turn(conversation)
            store.keep_problem(run, problem)
            progress.problem(problem)
            return None
        return number, conversation, store.judged(run, number)

    try:
        async with asyncio.TaskGroup() as group:
            for some in _chunks(conversations):
                work = [found for conversation in some if (found := begin(conversation))]
                for rubric in rubrics:  # its prompts follow each other: even a server's only cache slot holds it then
                    for number, conversation, done in work:
                        for turn in chosen_turns(conversation, turns, rubric):
                            if (turn, rubric.sha) in done:
                                progress.skipped(1)
                                continue
                            await room.acquire()
                            group.create_task(one(number, conversation, turn, rubric))
    except BaseExceptionGroup as errors:
        raise first_error(errors) from errors


def _chunks(conversations: Iterable[Conversation]) -> Iterator[list[Conversation]]:
    rest = iter(conversations)
    while some := list(islice(rest, _CHUNK)):
        yield some


def no_assistant_turn(conversation: Conversation) -> Problem:
    """The problem that a conversation without anything to judge is."""
    reason = f"conversation {conversation.id!r} has no assistant turn to judge"
    return Problem(conversation.source, None, reason, kept=True)
