"""Analyses on Ray on this machine: speed by the number of workers, memory, and workers that are killed.

    python benchmarks/ray_scaling.py workers --conversations 1250
    python benchmarks/ray_scaling.py memory --conversations 25000
    python benchmarks/ray_scaling.py memory --conversations 25000 --endpoint
    python benchmarks/ray_scaling.py kills --seconds 120 --every 20

`workers`: judgements a second of one and of two workers against an endpoint in a process of its own that answers
after half a second, with 64 calls in flight for each worker; from the first stored reply to the last, so without the
start of Ray. `memory`: a judge that is a function, or with `--endpoint` one in a process of its own that answers at
once, from Parquet to the store; the memory of the driver and of the workers at each tenth, and their peaks. `kills`:
an endpoint of 50 ms; a worker is killed every so many seconds; the scores must be those of the same analysis without
Ray, and the requests at most 1.02 times the distinct ones.
"""

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from convexplain.analysis.progress import Progress
from convexplain.store import schema
from convexplain.types import Judgement
from convexplain.workspace import AnalyzedRun, Cluster, Workspace

sys.path.insert(0, str(Path(__file__).parent))
from counting_stub import CountingStub

RUBRICS = ["helpfulness", "harm"]
TURNS = 2  # of the assistant in each conversation


def conversations(count: int) -> Iterator[dict[str, Any]]:
    """Yield conversations, all different."""
    for i in range(count):
        turns = [f"Where is parcel {i}?", f"It left on day {i % 31}.", f"And parcel {i * 7}?", f"I do not know {i}."]
        roles = ["user", "assistant"] * TURNS
        yield {
            "id": f"c{i}",
            "messages": [{"role": role, "content": text} for role, text in zip(roles, turns, strict=True)],
        }


def write_jsonl(path: Path, count: int) -> Path:
    """Write conversations as JSON lines."""
    with path.open("w") as file:
        file.writelines(json.dumps(talk) + "\n" for talk in conversations(count))
    return path


def write_parquet(path: Path, count: int) -> Path:
    """Write conversations as Parquet, in row groups."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    messages = pa.list_(pa.struct([("role", pa.string()), ("content", pa.string())]))
    schema_ = pa.schema([("id", pa.string()), ("messages", messages)])
    with pq.ParquetWriter(path, schema_) as writer:
        rows = []
        for talk in conversations(count):
            rows.append(talk)
            if len(rows) == 5_000:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema_))
                rows = []
        if rows:
            writer.write_table(pa.Table.from_pylist(rows, schema=schema_))
    return path


def fake_judge(prompt: str) -> str:
    """Return a label that depends on the prompt alone."""
    return json.dumps({"label": "yes" if sum(map(ord, prompt)) % 7 > 2 else "no", "explanation": "So it is."})


def workers_of_ray() -> list[int]:
    """Return the processes that judge shards: descendants of this one, by their command."""
    parents = {pid: _status(pid).get("PPid") for pid in map(int, filter(str.isdecimal, os.listdir("/proc")))}
    return [pid for pid in parents if _command(pid).startswith("ray::MapWorker(Map(ShardJudge") and _ours(pid, parents)]


def _ours(pid: int, parents: dict[int, str | None]) -> bool:
    while pid in parents and pid > 1:
        if pid == os.getpid():
            return True
        pid = int(parents[pid] or 0)
    return False


def _status(pid: int) -> dict[str, str]:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return {}
    return {name: text.strip() for name, _, text in (line.partition(":") for line in lines)}


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


def megabytes(pid: int, *, peak: bool = False) -> int:
    """Return the resident memory of a process, now or at most."""
    return int(_status(pid).get("VmHWM" if peak else "VmRSS", "0 kB").split()[0]) // 1024


def scores(run: AnalyzedRun) -> dict[tuple[str, int, str], float | None]:
    """Return the scores of a run by their places."""
    return {(talk.id, each.turn, each.rubric): each.score for talk, each in run.store.judgements(run.run.id)}


def judged_per_second(run: AnalyzedRun) -> float:
    """Return the judgements a second between the first and the last stored reply."""
    created = schema.model_calls.c.created_at
    with run.store.engine.connect() as connection:
        first, last, count = connection.execute(
            sa.select(sa.func.min(created), sa.func.max(created), sa.func.count())
        ).one()
    times = [datetime.fromisoformat(moment) if isinstance(moment, str) else moment for moment in (first, last)]
    return float(count / (times[1] - times[0]).total_seconds())


def compare_workers(folder: Path, count: int, seconds: float, in_flight: int) -> None:
    """Print how fast one and two workers are."""
    log = write_jsonl(folder / "log.jsonl", count)
    rates = {}
    for workers in (1, 2):
        with CountingStub(seconds) as stub:
            run = Workspace(folder / f"workers{workers}.db").analyze(
                log,
                RUBRICS,
                f"{stub.url}?model=stub&in_flight={in_flight}",
                reasons="none",
                cluster=Cluster(workers=workers),
            )
            counts = stub.counts()
        rates[workers] = judged_per_second(run)
        print(
            f"{workers} worker(s): {rates[workers]:.1f} judgements/s, {counts.requests} requests, "
            f"at most {counts.most_open} open"
        )
    print(f"2 workers / 1 worker: {rates[2] / rates[1]:.2f}")


class MemoryProgress(Progress):
    """Prints the memory of driver and workers at each tenth of the judgements."""

    def __init__(self, total: int) -> None:
        self.total, self.count, self.began = total, 0, time.monotonic()
        self.peaks: dict[int, int] = {}  # of each worker

    def judged(self, judgement: Judgement) -> None:
        """Count a judgement."""
        self.count += 1
        if self.count % (self.total // 10) == 0:
            pids = workers_of_ray()
            self.peaks |= {pid: megabytes(pid, peak=True) for pid in pids}
            workers = [megabytes(pid) for pid in pids]
            took = time.monotonic() - self.began
            print(
                f"{self.count / self.total:4.0%} after {took:4.0f} s: driver {megabytes(os.getpid())} MB, "
                f"workers {workers} MB"
            )


def measure_memory(folder: Path, count: int, endpoint: bool) -> None:
    """Print memory and time of an analysis from Parquet to the store, by a function or an endpoint as the judge."""
    log = write_parquet(folder / "log.parquet", count)
    memory = MemoryProgress(count * TURNS)
    print(f"{count * TURNS:,} turns; the driver before: {megabytes(os.getpid())} MB")
    with CountingStub(0.0) if endpoint else contextlib.nullcontext() as stub:
        judge = fake_judge if stub is None else f"{stub.url}?model=stub&in_flight=64"
        began = time.monotonic()
        run = Workspace(folder / "memory.db").analyze(
            log,
            RUBRICS[:1],
            judge,
            samples=None if endpoint else 1,
            reasons="none",
            cluster=Cluster(workers=2),
            progress=memory,
        )
        took = time.monotonic() - began
        requests = "" if stub is None else f", {stub.counts().requests:,} requests"
    turns = sum(1 for _ in run.store.judgements(run.run.id))
    print(f"{turns:,} turns in {took:.0f} s with the start of Ray: {turns / took:.0f} turns/s{requests}")
    print(f"at most: driver {megabytes(os.getpid(), peak=True)} MB, workers {sorted(memory.peaks.values())} MB")


def kill_workers(folder: Path, seconds: float, every: float, in_flight: int) -> None:
    """Kill a worker again and again; print whether scores and requests are those of an analysis without Ray."""
    log = write_jsonl(folder / "log.jsonl", int(seconds * 250 / TURNS / len(RUBRICS)))
    done, kills = threading.Event(), 0

    def kill() -> None:
        nonlocal kills
        while not done.wait(every):
            if pids := workers_of_ray():
                os.kill(pids[kills % len(pids)], signal.SIGKILL)
                kills += 1

    with CountingStub(0.05) as stub:
        judge = f"{stub.url}?model=stub&in_flight={in_flight}"
        threading.Thread(target=kill, daemon=True).start()
        began = time.monotonic()
        killed = Workspace(folder / "killed.db").analyze(
            log, RUBRICS, judge, reasons="none", cluster=Cluster(workers=2)
        )
        took = time.monotonic() - began
        done.set()
        counts = stub.counts()
        plain = Workspace(folder / "plain.db").analyze(log, RUBRICS, judge, reasons="none")
    same = scores(killed) == scores(plain)
    ratio = counts.requests / counts.distinct
    print(
        f"{len(scores(plain))} judgements in {took:.0f} s, {kills} kills: scores equal: {same}; {counts.requests} "
        f"requests for {counts.distinct} distinct ones: {ratio:.4f} times"
    )
    sys.exit(0 if same and ratio <= 1.02 else 1)


def main() -> None:
    """Run one of the three measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["workers", "memory", "kills"])
    parser.add_argument("--conversations", type=int, default=1250)
    parser.add_argument("--answer-seconds", type=float, default=0.5)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--every", type=float, default=20)
    parser.add_argument("--endpoint", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ray_scaling_") as name:
        folder = Path(name)
        if options.what == "workers":
            compare_workers(folder, options.conversations, options.answer_seconds, options.in_flight)
        elif options.what == "memory":
            measure_memory(folder, options.conversations, options.endpoint)
        else:
            kill_workers(folder, options.seconds, options.every, options.in_flight)


if __name__ == "__main__":
    main()
