"""One analysis from logs to a judged run. How logs are read and turns are judged is handed in."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Protocol

from convexplain.errors import LogError, Problem, StoreError, UsageError
from convexplain.models.calls import Calls
from convexplain.models.chat import Spend
from convexplain.store import Run, RunStore
from convexplain.types import Conversation, Judgement, Rubric

from .pipeline import Choice, TurnJudge, Turns, chosen_turns, judge_into, turns_to_judge
from .progress import Progress


class Reader(Protocol):
    """Reads one log file; bad records go to `on_problem`, a file that cannot be read at all raises LogError."""

    def __call__(self, path: Path, *, on_problem: Callable[[Problem], None]) -> Iterator[Conversation]: ...  # noqa: D102


class Conversations(Protocol):
    """Where conversations come from."""

    def read(self, store: RunStore, on_problem: Callable[[Problem], None]) -> Iterator[Conversation]:
        """The conversations, one after the other, each time anew."""


@dataclass(frozen=True, slots=True)
class Held:
    """Conversations in memory."""

    conversations: Sequence[Conversation]

    def read(self, store: RunStore, on_problem: Callable[[Problem], None]) -> Iterator[Conversation]:
        """The conversations."""
        return iter(self.conversations)


@dataclass(frozen=True, slots=True)
class Source:
    """Where the conversations of an analysis come from.

    Attributes:
        read_log: how a file is read.
        logs: log files.
        stored: instead of files, the conversations of this run of the store (0: all that is stored).
        limit: only so many conversations, the first ones.
    """

    read_log: Reader
    logs: tuple[Path, ...] = ()
    stored: int | None = None
    limit: int | None = None

    def read(self, store: RunStore, on_problem: Callable[[Problem], None]) -> Iterator[Conversation]:
        """The conversations, one after the other."""
        return islice(self._all(store, on_problem), self.limit)

    def _all(self, store: RunStore, on_problem: Callable[[Problem], None]) -> Iterator[Conversation]:
        if self.stored is not None:
            yield from store.conversations(self.stored or None)
        for log in self.logs:
            try:
                yield from self.read_log(log, on_problem=on_problem)
            except LogError as error:  # the file as a whole; the others are read all the same
                on_problem(Problem(error.path, error.line, error.reason))
            except UsageError as error:  # a table whose columns cannot be told
                on_problem(Problem(log, None, str(error)))


CHARACTERS_PER_TOKEN = 4  # of English, roughly
_SIGN_OF_LIFE = 5.0  # seconds


@dataclass(frozen=True, slots=True)
class Plan:
    """What an analysis is going to do.

    Attributes:
        conversations, turns, judgements: how many there are to judge.
        calls: calls to be made, as far as it is known before the model answers.
        cached: further calls whose replies are known.
        tokens: about how many prompt tokens the calls have.
        problems: what cannot be read.
        model: the judge's model.
        samples: calls that a judgement takes where the model gives no log-probabilities.
    """

    conversations: int
    turns: int
    judgements: int
    calls: int
    cached: int
    tokens: int
    problems: tuple[Problem, ...]
    model: str
    samples: int


def find_logs(paths: Sequence[Path]) -> tuple[Path, ...]:
    """The files among the paths, folders opened up (files beginning with a dot and documentation left out).

    Raises:
        UsageError: a path does not exist, or there is no file at all.
    """
    found: list[Path] = []
    for path in paths:
        if path.is_dir():
            found += sorted(
                file.resolve()
                for file in path.rglob("*")
                if file.is_file()
                and not any(part.startswith(".") for part in file.relative_to(path).parts)
                and file.suffix.lower() != ".md"
            )
        elif path.is_file():
            found.append(path.resolve())
        elif path.exists():
            raise UsageError(f"log {str(path)!r} is no regular file; logs are read twice, so save it as one first")
        else:
            raise UsageError(f"log {str(path)!r} does not exist")
    if paths and not found:
        raise UsageError(f"no log file in: {', '.join(map(str, paths))}")
    return tuple(found)


def plan(
    source: Conversations,
    store: RunStore,
    rubrics: Sequence[Rubric],
    judge: TurnJudge,
    calls: Calls,
    turns: Choice,
    samples: int,
) -> Plan:
    """Reads everything once and counts, without asking the model anything."""
    problems: list[Problem] = []
    conversations = places = judgements = made = cached = tokens = 0
    for conversation in source.read(store, problems.append):
        conversations += 1
        judged: set[int] = set()
        for rubric in rubrics:
            chosen = chosen_turns(conversation, turns, rubric)
            judged.update(chosen)
            judgements += len(chosen)
            for turn in chosen:
                for request in judge.requests(conversation, turn, rubric):
                    if calls.known(request):
                        cached += 1
                    else:
                        made += 1
                        tokens += len(request.messages[0].content) // CHARACTERS_PER_TOKEN
        places += len(judged)
    return Plan(conversations, places, judgements, made, cached, tokens, tuple(problems), calls.model.name, samples)


def count(source: Conversations, store: RunStore, turns: Turns) -> int:
    """How many turns there are to judge."""
    return sum(len(turns_to_judge(conversation, turns)) for conversation in source.read(store, lambda problem: None))


async def analyse(
    source: Conversations,
    store: RunStore,
    run: Run,
    rubrics: Sequence[Rubric],
    judge: TurnJudge,
    calls: Sequence[Calls],
    progress: Progress,
    turns: Choice = "all",
) -> None:
    """Judges what the source holds into the run. The calls are those that the judge makes, to the first model first.

    Raises:
        UnavailableError: the model is gone. The run is marked as stopped, and goes on when it is begun again.
    """

    def on_problem(problem: Problem) -> None:
        store.keep_problem(run.id, problem)
        progress.problem(problem)

    calls[0].spend = run.spend
    conversations = source.read(store, on_problem)
    alive = asyncio.create_task(_signs_of_life(store, run.id, calls))
    try:
        await judge_into(store, run.id, conversations, rubrics, judge, calls[0], progress, turns)
    except BaseException:
        store.end_run(run.id, "stopped", _spend(calls))
        raise
    finally:
        alive.cancel()
    store.end_run(run.id, "done", _spend(calls))


def _spend(calls: Sequence[Calls]) -> Spend:
    return sum((each.spend for each in calls), Spend())


async def _signs_of_life(store: RunStore, run: int, calls: Sequence[Calls]) -> None:
    """Keeps the run from looking dead to other processes, and what it has cost from being lost."""
    while True:
        await asyncio.sleep(_SIGN_OF_LIFE)
        with contextlib.suppress(StoreError):  # the run itself meets it at its next judgement, and says so
            store.keep_alive(run, _spend(calls))


def write_judgements(store: RunStore, run: Run, path: Path) -> int:
    """`judgements.jsonl`: one object a judgement, with the fields of `Judgement`. Returns how many."""
    count = 0
    with path.open("w", encoding="ascii", newline="\n") as file:
        for _, judgement in store.judgements(run.id):
            file.write(judgement_json(judgement) + "\n")
            count += 1
    return count


def judgement_json(judgement: Judgement) -> str:
    """One judgement as one line of JSON."""
    return json.dumps(asdict(judgement), ensure_ascii=True)
