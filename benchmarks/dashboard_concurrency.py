"""Do people who look, people who label and a running analysis get in each other's way on one SQLite file?

    python benchmarks/dashboard_concurrency.py --seconds 60

A process judges conversations with a scripted model as fast as the store takes them; two processes ask what the
dashboard's pages ask, again and again; two people label turns. Prints how often each did what, how long it took, every
error, and whether all that was written is there at the end.
"""

import argparse
import asyncio
import hashlib
import multiprocessing
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from convexplain import Conversation, Turn, load_rubric
from convexplain.analysis.progress import Progress
from convexplain.analysis.runs import analyse
from convexplain.connectors.models import ScriptedModel
from convexplain.dashboard.services.labelling import disagreements, open_desk
from convexplain.errors import ConvexplainError, Problem
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.models.chat import Request
from convexplain.store import (
    RunStore,
    explained_turns,
    ratings,
    run_rubrics,
    score_histogram,
    scores_by_answer,
    summarise,
)
from convexplain.types import Judgement
from convexplain.workspace import AnalyzedRun
from convexplain.workspace.jobs import list_jobs

RUBRICS = ("helpfulness", "harm", "informativeness")
ANSWERS = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        url = str(Path(folder) / "store.db")
        store = RunStore(url)
        run = store.begin_run("scripted", "f", {}, [load_rubric(name) for name in RUBRICS]).id
        until = time.time() + seconds
        with ProcessPoolExecutor(5, multiprocessing.get_context("spawn")) as pool:
            work = {"analysis": pool.submit(judging, url, run, until)}
            work |= {f"reader {i}": pool.submit(reading, url, run, until) for i in (1, 2)}
            work |= {f"label by {name}": pool.submit(labelling, url, run, name, until) for name in ("anna", "ben")}
            results = {name: done.result() for name, done in work.items()}
        for name, (count, took, errors) in results.items():
            print(f"{name}: {count:,} times, {times(took)}; errors: {dict(errors) or 'none'}")
        stored_count = sum(1 for _ in store.judgements(run))
        print(f"judgements: {results['analysis'][0]:,} made, {stored_count:,} in the store")
        label_counts = Counter(rating.rater for _, rating in ratings(store))
        for name in ("anna", "ben"):
            print(f"labels of {name}: {results[f'label by {name}'][0]:,} given, {label_counts[name]:,} in the store")
        print(f"store: {Path(url).stat().st_size / 1e6:.0f} MB; status of the run: {store.run(run).status}")
        store.close()


Result = tuple[int, list[float], Counter[str]]


class Talks:
    """Conversations until the time is over."""

    def __init__(self, until: float) -> None:
        self._until = until

    def read(self, store: RunStore, on_problem: Callable[[Problem], None]) -> Iterator[Conversation]:
        """One after the other."""
        number = 0
        while time.time() < self._until:
            yield Conversation(
                f"talk-{number}",
                tuple(Turn(role, f"{role} {number}.{i}") for i in range(ANSWERS) for role in ("user", "assistant")),
            )
            number += 1


class Counting(Progress):
    """Counts judgements and the time between them."""

    def __init__(self) -> None:
        self.took: list[float] = []
        self._last = time.monotonic()

    def judged(self, judgement: Judgement) -> None:
        """One more."""
        now = time.monotonic()
        self.took.append(now - self._last)
        self._last = now


def judging(url: str, run: int, until: float) -> Result:
    """An analysis by a model that answers at once."""
    store, progress, errors = RunStore(url), Counting(), Counter[str]()
    model = ScriptedModel(scripted)
    rubrics = [load_rubric(name) for name in RUBRICS]
    try:
        calls = Calls(model, store)
        source, work = Talks(until), store.run(run)
        asyncio.run(analyse(source, store, work, rubrics, Judge(calls), [calls], progress, total=0))
    except ConvexplainError as error:
        errors[str(error)] += 1
    store.close()
    return len(progress.took), progress.took, errors


def scripted(request: Request) -> dict[str, float]:
    """A score that hangs on the prompt and on nothing else."""
    share = int(hashlib.sha256(request.messages[0].content.encode()).hexdigest()[:6], 16) / 0xFFFFFF
    return {"yes": share, "no": 1 - share}


def reading(url: str, run: int, until: float) -> Result:
    """Ask what the pages ask: summary, distribution, curve, worst and explained turns, disagreements, jobs."""
    store = RunStore(url)

    def look() -> bool:
        for rubric in run_rubrics(store, run):
            score_histogram(store, store.run(run), rubric.id, 20)
            scores_by_answer(store, run, rubric.sha)
            explained_turns(store, store.run(run), rubric.sha, 10)
            disagreements(store, run, rubric, 25)
        summarise(store, store.run(run))
        list_jobs(url)
        return True

    return repeated(look, store, until)


def labelling(url: str, run: int, name: str, until: float) -> Result:
    """A person who labels one turn after the other."""
    store, rubric = RunStore(url), load_rubric("harm")
    mark = AnalyzedRun(store, store.run(run)).marks["harm"]

    def say() -> bool:
        desk = open_desk(store, store.run(run), rubric, mark, name, second=False)
        if desk.current() is None:
            time.sleep(0.05)
            return False
        desk.label("yes")
        return True

    return repeated(say, store, until)


def repeated(action: Callable[[], bool], store: RunStore, until: float) -> Result:
    """Repeat an action until the time is over; return how often it was done, the time of each, and what went wrong."""
    count, took, errors = 0, [], Counter[str]()
    while time.time() < until:
        began = time.monotonic()
        try:
            count += action()
        except ConvexplainError as error:
            errors[str(error)] += 1
        took.append(time.monotonic() - began)
    store.close()
    return count, took, errors


def times(took: list[float]) -> str:
    """Median, 95th percentile and longest, in milliseconds."""
    ordered = sorted(took) or [0.0]
    at = [ordered[int(share * (len(ordered) - 1))] * 1000 for share in (0.5, 0.95, 1.0)]
    return "median {:.1f} ms, 95 % {:.1f} ms, longest {:.0f} ms".format(*at)


if __name__ == "__main__":
    main()
