"""Nothing is lost, doubled or damaged by `kill -9`, and little is asked twice.

    python -m benchmarks.kills [--kills 40] [--seed 1] [--only analyze import …] [--json FILE]

For each kind of work (`WORKS`): a process does it on a store, and is killed with SIGKILL at a random moment of it; the
next one goes on, until that many were killed; then one is left alone to the end. Then the store is compared with that
of the same work without kills: records that are missing (lost), that are there twice (duplicate), whose content differs
or that cannot be read, and whether the database's own check finds damage (corrupt). Calls: how many requests the
endpoint received more than once, which may be at most those in flight at each kill and 64 more. Where work ends before
the kills are used up, it begins again in an empty store, which counts as a round.

The processes are forks of one that has loaded everything, so that hundreds fit into a few minutes. `job` is what
the process of a dashboard's job does. `server` does what a dashboard's server does when a page starts a job or goes on
with one, and is killed: half of the times alone, so that the job's process goes on, half of the times with that
process. The next server finds the job running, done or stopped, and goes on with a stopped one. `postgresql` is
`analyze` on a PostgreSQL server (out of the tests' wheel).
"""

import argparse
import contextlib
import json
import os
import random
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from convexplain.explain.screening import Screen
from convexplain.store import RunStore
from convexplain.workspace import explainers

from .counting_stub import CountingStub
from .killed_work import SECONDS, WORKS, Work, label_file, log

MORE = 64  # calls that may be repeated for each kill besides those in flight
TABLES = ("conversations", "run_conversations", "judgements", "attributions", "contrasts", "model_calls")
_JSON = ("body", "evidence", "reply")
_UNSTABLE = {"created_at", "alive_at", "id", "seconds"}


@dataclass(slots=True)
class KillCounts:
    """The effect of kills on one kind of work.

    Attributes:
        kills: processes that were killed while they worked.
        rounds: how often the work came to its end, and the store was compared.
        lost, duplicate, corrupt: records.
        uncached: replies that are in no cache although what was made of them is stored, at most 64 for each kill.
        requests, repeated: what the endpoint was asked, and how often it was something that it had answered before.
        allowed: how many repetitions the kills allow.
    """

    kills: int = 0
    rounds: int = 0
    lost: int = 0
    uncached: int = 0
    duplicate: int = 0
    corrupt: int = 0
    requests: int = 0
    repeated: int = 0
    allowed: int = 0

    @property
    def ok(self) -> bool:
        """Return True where nothing was lost, doubled or damaged, and little was asked twice."""
        few = self.repeated <= self.allowed and self.uncached <= MORE * self.kills
        return few and not (self.lost or self.duplicate or self.corrupt)


@asynccontextmanager
async def rules_alone() -> AsyncIterator[tuple[Screen, str]]:
    """Open a screen of edits that loads no model of language: the kills would all meet its loading."""
    yield Screen(), ""


def in_fork(work: Callable[[], None], after: Callable[[int], None] | None = None) -> int:
    """Do work in a fork of this process; return its exit status (negative: the signal that ended it)."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        except BaseException as error:  # noqa: BLE001 - shown, and the fork ends here in any case
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(code)
    if after is not None:
        after(pid)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def contents(db: str) -> dict[str, Counter[str]]:
    """Return the records of each table as text without what differs from run to run, and how often each is there."""
    store = RunStore(db)
    tables = {}
    try:
        with store.engine.connect().execution_options(reading=True) as connection:
            talks_by_number = dict(connection.execute(sa.text("SELECT id, conversation_id FROM conversations")).all())
            for name in TABLES:
                rows = [_read(row) for row in connection.execute(sa.text(f"SELECT * FROM {name}")).mappings()]
                for row in rows:
                    if "conversation" in row:  # PostgreSQL does not give the numbers of what was rolled back again
                        row["conversation"] = talks_by_number[row["conversation"]]
                tables[name] = Counter(json.dumps(_stable(row), sort_keys=True, default=str) for row in rows)
    finally:
        store.close()
    return tables


def _read(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with its columns of JSON as values: one that cannot be read would be an error."""
    return {name: json.loads(cell) if name in _JSON and cell else cell for name, cell in row.items()}


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _stable(inner) for name, inner in value.items() if name not in _UNSTABLE}
    return [_stable(inner) for inner in value] if isinstance(value, list) else value


def damaged(db: str) -> bool:
    """Return whether SQLite's own check finds damage in a file."""
    if "://" in db or not Path(db).exists():
        return False
    try:
        with contextlib.closing(sqlite3.connect(db)) as connection:
            return connection.execute("PRAGMA integrity_check").fetchone() != ("ok",)
    except sqlite3.DatabaseError:
        return True


def kill_often(
    work: Work, places: Iterator[str], url: str, kills: int, rng: random.Random, counts: Callable[..., Any]
) -> KillCounts:
    """Do work until so many of its processes were killed, and compare what is stored with the same without kills.

    Args:
        work: the work.
        places: empty stores.
        url: the endpoint.
        kills: how many processes are killed.
        rng: draws the moments.
        counts: returns what the endpoint was asked; with `reset`, counts from 0 again.
    """
    result = KillCounts()
    clean, again = next(places), next(places)
    for db in (clean, again):  # twice: the first loads what all forks need
        work.prepare(db, url)
        began = time.monotonic()
        work.do(db, url)
        longest = 0.9 * (time.monotonic() - began)
    expected = contents(clean)

    def kill(pid: int) -> None:
        time.sleep(rng.uniform(0, longest))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    while result.kills < kills:
        db, killed = next(places), 0
        in_fork(lambda db=db: work.prepare(db, url))
        counts(reset=True)
        while result.kills < kills:
            status = in_fork(lambda db=db: work.do(db, url), kill)
            assert status in (0, -signal.SIGKILL), status
            if status == 0:
                break
            result.kills += 1
            killed += 1
            work.kill_others(db, rng)
            result.corrupt += damaged(db)
            if work.makes_run and _is_done(db):
                status = 0
                break
        if status != 0:
            assert in_fork(lambda db=db: work.do(db, url)) == 0
        _compare(db, expected, result)
        requests = counts()
        result.requests += requests.requests
        result.repeated += requests.repeated
        result.allowed += killed * (work.in_flight + MORE)
        result.rounds += 1
    return result


def _is_done(db: str) -> bool:
    store = RunStore(db)
    try:
        return any(run.status == "done" for run in store.runs())
    finally:
        store.close()


def _compare(db: str, expected: dict[str, Counter[str]], result: KillCounts) -> None:
    stored = contents(db)
    for name in TABLES:
        missing = len(expected[name].keys() - stored[name].keys())
        if name == "model_calls":
            result.uncached += missing
        else:
            result.lost += missing
        result.corrupt += len(stored[name].keys() - expected[name].keys())
        result.duplicate += sum(max(0, stored[name][row] - count) for row, count in expected[name].items())
    result.corrupt += damaged(db)


def measure(names: Sequence[str], kills: int, seed: int) -> dict[str, KillCounts]:
    """Kill each kind of work so often; return what that did."""
    explainers.open_screen = rules_alone
    results = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        stub = stack.enter_context(CountingStub(SECONDS))
        os.environ["KILLS_LOG"], os.environ["KILLS_LABELS"] = str(log(folder)), str(label_file(folder))
        os.environ["XDG_DATA_HOME"] = str(folder / "data")  # jobs have their folders there
        for work in names:
            places = (str(folder / f"{work}{i}.db") for i in range(1 << 20))
            if work == "postgresql":
                places = empty_schemas(stack)
            rng = random.Random(f"{seed} {work}")
            result = results[work] = kill_often(WORKS[work], places, stub.url, kills, rng, stub.counts)
            print(f"{work}: {result.kills} kills in {result.rounds} rounds: {result.lost} lost,", end=" ")
            print(f"{result.duplicate} duplicate, {result.corrupt} corrupt; {result.uncached} not cached,", end=" ")
            print(f"{result.repeated} of {result.requests} requests repeated (allowed {result.allowed})", flush=True)
    return results


def empty_schemas(stack: contextlib.ExitStack) -> Iterator[str]:
    """Yield the URLs of empty places on a PostgreSQL server that runs until the stack ends."""
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' server
    from tests.store.postgres import PostgresServer

    folder = stack.enter_context(tempfile.TemporaryDirectory(dir="/tmp"))  # a socket's path must be short
    server = PostgresServer(Path(folder))
    stack.callback(server.stop)
    while True:
        yield stack.enter_context(server.empty())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=40, help="of each kind of work")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=sorted(WORKS), default=list(WORKS))
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    results = measure(options.only, options.kills, options.seed)
    if options.json:
        options.json.write_text(json.dumps({name: asdict(result) for name, result in results.items()}, indent=1))


if __name__ == "__main__":
    main()
