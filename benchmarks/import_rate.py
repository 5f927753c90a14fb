"""Speed and peak memory of importing logs, which should stay bounded.

    python benchmarks/import_rate.py

Makes JSON Lines with 1,000,000 turns (125,000 conversations of 8 turns), and with 100,000, in a temporary folder, and
imports each with `convexplain logs import` in a process of its own. Prints turns a second and the peak memory, which
must not grow with the log.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

TURNS = 8
WORDS = ("the parcel is", "not here yet please", "can you help me with", "a new address", "an invoice today")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, nargs="+", default=[100_000, 1_000_000])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for turns in options.turns:
            measure(Path(folder), turns)


def measure(folder: Path, turns: int) -> None:
    log, store = folder / f"{turns}.jsonl", folder / f"{turns}.db"
    with log.open("w") as file:
        file.writelines(lines(turns // TURNS))
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
        f"{turns / took:,.0f} turns/s, peak memory {peak:.0f} MB, store {store.stat().st_size / 1e6:.0f} MB, "
        f"exit {os.waitstatus_to_exitcode(status)}"
    )


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
