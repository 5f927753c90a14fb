"""One analysis, from conversations to a judged run. How logs are read and turns are judged is handed in."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from convexplain.errors import Problem, StoreError
from convexplain.models.calls import Calls
from convexplain.models.chat import Spend
from convexplain.store import Run, RunStore
from convexplain.store.run_records import Status
from convexplain.store.samples import keep_sample, keep_stratum
from convexplain.system.files import replacing
from convexplain.types import Conversation, Judgement, Rubric

from .imports import keep_source
from .pipeline import Choice, TurnJudge, chosen_turns, judge_into
from .progress import Progress
from .sampling import Sample
from .sources import ConversationSource, LogSource, OnProblem

_SIGN_OF_LIFE = 5.0  # seconds

Pipeline = Callable[[Iterable[tuple[int, Conversation]], Choice, OnProblem], Awaitable[None]]
"""Judges turns of numbered conversations into a run, elsewhere than in this process, and reports each judgement."""


async def analyse(
    source: ConversationSource,
    store: RunStore,
    run: Run,
    rubrics: Sequence[Rubric],
    judge: TurnJudge,
    calls: Sequence[Calls],
    progress: Progress,
    turns: Choice = "all",
    total: int | None = None,
    sample: Sample | None = None,
    pipeline: Pipeline | None = None,
) -> None:
    """Judge the conversations of a source into a run.

    Logs are read once, into the store, and judged from there: so a pipe can be judged, and memory stays bounded.

    Args:
        source: the conversations.
        store: the store.
        run: the run.
        rubrics, judge, turns: as of `judge_into`.
        calls: those that the judge makes, to the first model first.
        progress: receives how far it is.
        total: how many judgements there will be; None counts them.
        sample: judges only what was drawn of the source.
        pipeline: judges in place of `judge_into`.

    Raises:
        UnavailableError: the model is gone. The run is marked as stopped, and goes on when it is begun again.
    """

    position = 0

    def on_problem(problem: Problem) -> None:
        nonlocal position
        position += 1
        store.keep_problem(run.id, problem, position)
        progress.problem(problem)

    if sample is not None:
        keep_sample(store, run.id, sample.design)
        source, turns, total = source.narrowed(sample.holds), sample.choose, None
    async with _at_work(store, run, calls, "done", "stopped"):
        if isinstance(source, LogSource) and source.logs:
            total = await _read(source, store, run.id, progress, on_problem, rubrics, turns)
            conversations = store.numbered_conversations(run.id)
        else:
            if total is None:
                total = sum(_judgements(member, rubrics, turns) for member in source.read(store, _ignore))
            conversations = _kept(source, store, run.id, on_problem)
        if sample is not None:
            conversations = _in_strata(conversations, store, run.id, sample)
        progress.begin("judging", total)
        try:
            if pipeline is not None:
                await pipeline(conversations, turns, on_problem)
            else:
                await judge_into(store, run.id, conversations, rubrics, judge, calls[0], progress, turns, on_problem)
        finally:
            progress.end()


async def judge_unscored(
    store: RunStore,
    run: Run,
    numbers: Collection[int],
    rubrics: Sequence[Rubric],
    judge: TurnJudge,
    calls: Sequence[Calls],
    progress: Progress,
    turns: Choice = "all",
) -> None:
    """Judge what has no score in conversations of a run; afterwards the run has the status that it had before.

    Args:
        store, rubrics, judge, calls, progress, turns: as of `analyse`.
        run: the run, with its status before.
        numbers: the conversations' numbers in the store.

    Raises:
        UnavailableError: the model is gone; what was judged until then is kept.
    """
    async with _at_work(store, run, calls, run.status, run.status):
        conversations = [(number, talk) for number, talk in store.numbered_conversations(run.id) if number in numbers]
        progress.begin("judging", sum(_judgements(talk, rubrics, turns) for _, talk in conversations))
        try:
            await judge_into(store, run.id, conversations, rubrics, judge, calls[0], progress, turns)
        finally:
            progress.end()


@contextlib.asynccontextmanager
async def _at_work(
    store: RunStore, run: Run, calls: Sequence[Calls], done: Status, stopped: Status
) -> AsyncIterator[None]:
    """Keep a run alive and count its cost while it is worked on; give it a status at the end."""
    calls[0].spend = run.spend
    cost = _Cost(calls, replace(run.spend))
    alive = asyncio.create_task(_signs_of_life(store, run.id, cost))
    try:
        yield
    except BaseException:
        store.end_run(run.id, stopped, cost.added)
        raise
    finally:
        alive.cancel()
    store.end_run(run.id, done, cost.added)


@dataclass(slots=True)
class _Cost:
    """The cost of calls, and how much of it the store has."""

    calls: Sequence[Calls]
    stored: Spend

    @property
    def total(self) -> Spend:
        return sum((model_calls.spend for model_calls in self.calls), Spend())

    @property
    def added(self) -> Spend:
        return self.total - self.stored


async def _read(
    source: LogSource,
    store: RunStore,
    run: int,
    progress: Progress,
    on_problem: OnProblem,
    rubrics: Sequence[Rubric],
    turns: Choice,
) -> int:
    """Read the logs into the run; return how many judgements there are to be."""
    total = 0

    def counted(conversation: Conversation) -> Conversation:
        nonlocal total
        total += _judgements(conversation, rubrics, turns)
        return conversation

    counts = await keep_source(source, store, progress, on_problem, counted, run)
    if store.run_size(run) < counts.conversations:  # some came twice, and count once
        total = sum(_judgements(member, rubrics, turns) for member in store.conversations(run))
    return total


def _kept(
    source: ConversationSource, store: RunStore, run: int, on_problem: OnProblem
) -> Iterator[tuple[int, Conversation]]:
    for conversation in source.read(store, on_problem):
        yield store.keep_conversation(conversation, run), conversation


def _in_strata(
    conversations: Iterator[tuple[int, Conversation]], store: RunStore, run: int, sample: Sample
) -> Iterator[tuple[int, Conversation]]:
    """Yield the conversations of a sample, each once its stratum is kept."""
    for number, conversation in conversations:
        if (stratum := sample.stratum(conversation)) is not None:
            keep_stratum(store, run, number, stratum)
            yield number, conversation


def _judgements(conversation: Conversation, rubrics: Sequence[Rubric], turns: Choice) -> int:
    return sum(len(chosen_turns(conversation, turns, rubric)) for rubric in rubrics)


def _ignore(problem: Problem) -> None:
    """It is reported when the conversations are read again, to be judged."""


async def _signs_of_life(store: RunStore, run: int, cost: _Cost) -> None:
    """Keep the run from looking dead to other processes, and what it has cost from being lost."""
    while not store.in_memory:  # that one no other process sees
        await asyncio.sleep(_SIGN_OF_LIFE)
        with contextlib.suppress(StoreError):  # the run itself meets it at its next judgement, and says so
            total = cost.total
            store.keep_alive(run, cost.added)
            cost.stored = total


def write_judgements(store: RunStore, run: Run, path: Path) -> int:
    """Write `judgements.jsonl`, one object a judgement with the fields of `Judgement`; return how many there are."""
    count = 0
    with replacing(path) as part, part.open("w", encoding="ascii", newline="\n") as file:
        for _, judgement in store.judgements(run.id):
            file.write(judgement_json(judgement) + "\n")
            count += 1
    return count


def judgement_json(judgement: Judgement, **remarks: str) -> str:
    """Return one judgement, with further fields, as one line of JSON."""
    return json.dumps({**asdict(judgement), **remarks}, ensure_ascii=True)
