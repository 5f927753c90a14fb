"""Speed and peak memory of importing logs, which should stay bounded.

    python benchmarks/import_rate.py [--read] [--compare]

Makes JSON Lines with 1,000,000 turns (125,000 conversations of 8 turns), and with 100,000, in a temporary folder, and
imports each with `convexplain logs import` in a process of its own. Prints turns a second and the peak memory, which
must not grow with the log. With `--read` it only reads the logs with `read_log`, without a store.

With `--compare` it reads the log of 100,000 turns with `read_log`, with bare `json.loads`, with Hugging Face `datasets`
and with polars (where they are installed), one after the other in one process, and prints the time of each as a
multiple of that of `json.loads`.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

from convexplain import read_log

TURNS = 8
READ = """import sys
from collections import deque

from convexplain import read_log

deque(read_log(sys.argv[1]), maxlen=0)"""
WORDS = ("the parcel is", "not here yet please", "can you help me with", "a new address", "an invoice today")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, nargs="+", default=[100_000, 1_000_000])
    parser.add_argument("--read", action="store_true", help="read the logs without a store")
    parser.add_argument("--compare", action="store_true", help="compare read_log with other readers of JSON Lines")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if options.compare:
            compare(Path(folder))
            return
        for turns in options.turns:
            measure(Path(folder), turns, stored=not options.read)


def measure(folder: Path, turns: int, *, stored: bool) -> None:
    log, store = folder / f"{turns}.jsonl", folder / f"{turns}.db"
    with log.open("w") as file:
        file.writelines(lines(turns // TURNS))
    command = [sys.executable, "-c", READ, str(log)]
    if stored:
        command = [sys.executable, "-m", "convexplain", "logs", "import", str(log), "--db", str(store)]
    began = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    out = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    took = time.monotonic() - began
    peak = usage.ru_maxrss / (1 << 20 if sys.platform == "darwin" else 1 << 10)
    print(out.strip())
    print(
        f"{turns:,} turns, {log.stat().st_size / 1e6:.0f} MB: {took:.1f} s with the program's start, "
        f"{turns / took:,.0f} turns/s, peak memory {peak:.0f} MB, "
        f"store {store.stat().st_size / 1e6 if stored else 0:.0f} MB, exit {os.waitstatus_to_exitcode(status)}"
    )


def compare(folder: Path) -> None:
    log = folder / "log.jsonl"
    with log.open("w") as file:
        file.writelines(lines(100_000 // TURNS))
    readers: dict[str, Callable[[Path], None]] = {"json.loads": with_json, "read_log": with_read_log}
    readers |= {"datasets": with_datasets} if find_spec("datasets") else {}
    readers |= {"polars": with_polars} if find_spec("polars") else {}
    base: tuple[float, float] | None = None
    for name, reader in readers.items():
        if name == "datasets":
            import datasets

            datasets.disable_progress_bars()
        cpu, wall = min(timed(reader, log) for _ in range(2))  # the first time loads modules
        base = base or (cpu, wall)
        print(
            f"{name}: {wall:.2f} s, {cpu:.2f} s of CPU; {wall / base[1]:.1f} times the time of json.loads, "
            f"{cpu / base[0]:.1f} times its CPU"
        )


def timed(reader: Callable[[Path], None], log: Path) -> tuple[float, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    reader(log)
    return time.process_time() - cpu, time.perf_counter() - wall


def with_json(log: Path) -> None:
    with log.open("rb") as file:
        deque(map(json.loads, file), maxlen=0)


def with_read_log(log: Path) -> None:
    deque(read_log(log), maxlen=0)


def with_datasets(log: Path) -> None:
    from datasets import load_dataset

    with tempfile.TemporaryDirectory() as cache:  # without what an earlier call prepared
        rows = load_dataset("json", data_files=str(log), split="train", cache_dir=cache)
        deque(rows, maxlen=0)


def with_polars(log: Path) -> None:
    import polars

    deque(polars.read_ndjson(log).iter_rows(named=True), maxlen=0)


def lines(conversations: int) -> Iterator[str]:
    random.seed(0)
    for number in range(conversations):
        messages = [
            {"role": ("user", "assistant")[turn % 2], "content": " ".join(random.choices(WORDS, k=5))}
            for turn in range(TURNS)
        ]
        yield json.dumps({"id": f"c{number}", "messages": messages}) + "\n"


if __name__ == "__main__":
    main()
