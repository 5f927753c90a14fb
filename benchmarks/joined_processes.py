"""How many calls several processes make together that are given the same analysis on one store at the same moment.

    python -m benchmarks.joined_processes                          # three processes, an SQLite file
    python -m benchmarks.joined_processes --postgresql --processes 2

Each analyses 500 conversations of two assistant turns on two maxims, 2,000 judgements, at an endpoint that counts
(an answer takes 20 ms; 8 requests in flight a process). They are forks of one process, as in `benchmarks/kills.py`.
Printed: requests against those of one process on an empty store, and the runs and judgements that are stored in the
end.
"""

import argparse
import contextlib
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from convexplain.store import RunStore

from . import killed_work, kills
from .counting_stub import CountingStub, StubCounts


def analyze(db: str, url: str, processes: int) -> float:
    """Let so many processes do the same analysis at once, wait for them, and return the seconds."""
    began = time.monotonic()
    with ThreadPoolExecutor(processes) as pool:
        statuses = list(pool.map(lambda _: kills.in_fork(lambda: killed_work.analyze_talks(db, url)), range(processes)))
    assert statuses == [0] * processes, statuses
    return time.monotonic() - began


def stored(db: str) -> tuple[int, int]:
    """Return how many runs and judgements a store holds."""
    store = RunStore(db)
    try:
        runs = store.runs()
        return len(runs), sum(1 for run in runs for _ in store.judgements(run.id))
    finally:
        store.close()


def measure(places: Iterator[str], processes: int, repeats: int) -> list[tuple[StubCounts, StubCounts]]:
    """Print, and return for each repeat, the requests of one process and of several."""
    results = []
    with CountingStub(killed_work.SECONDS) as stub:
        for _ in range(repeats):
            counts = []
            for n in (1, processes):
                db = next(places)
                stub.counts(reset=True)
                seconds = analyze(db, stub.url, n)
                counts.append(stub.counts())
                runs, judgements = stored(db)
                print(
                    f"{n} at once: {counts[-1].requests} requests, {counts[-1].repeated} of them repeated, "
                    f"{runs} run, {judgements} judgements, {seconds:.0f} s",
                    flush=True,
                )
            alone, together = counts
            print(f"    {together.requests / alone.requests:.4f} times the requests of one process", flush=True)
            results.append((alone, together))
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--processes", type=int, default=3)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--talks", type=int, default=500)
    parser.add_argument("--repeats", type=int, default=1)
    options = parser.parse_args()
    killed_work.TALKS = options.talks
    with contextlib.ExitStack() as stack:
        places = kills.empty_schemas(stack)
        if not options.postgresql:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            places = (f"{folder}/{i}.db" for i in range(1 << 20))
        measure(places, options.processes, options.repeats)


if __name__ == "__main__":
    main()
