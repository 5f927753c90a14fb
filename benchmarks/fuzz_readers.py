"""Does any log make a reader fail in another way than it says?

    python benchmarks/fuzz_readers.py --minutes 10

Valid examples of every format and container are mutated (bytes, JSON values), packed, or made up, and read: this must
end in conversations that can be kept, or in an error that names the file; and each text that was planted in them is in
a turn, in the metadata, put aside on purpose, or counted in a remark. Failures are collected by where they arise,
each with the smallest log that was found for it.
"""

import argparse
import logging
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' strategies

from tests.connectors.logs import fuzzing

ROUND = 500  # examples


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    end = time.monotonic() + 60 * options.minutes
    log_counts: Counter[str] = Counter()
    failures: dict[str, str] = {}
    with tempfile.TemporaryDirectory() as folder:
        number = options.seed
        while time.monotonic() < end:
            number += 1
            one_round(Path(folder), number, log_counts, failures)
    print(f"{log_counts.total():,} logs read in {options.minutes:g} minutes (seeds {options.seed + 1} to {number})")
    for where, example in failures.items():
        print(f"\n{where}\n  {example}")
    print(f"{len(failures)} failures")
    sys.exit(1 if failures else 0)


def one_round(folder: Path, number: int, log_counts: Counter[str], failures: dict[str, str]) -> None:
    last: list[object] = []

    @seed(number)
    @settings(
        max_examples=ROUND,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(fuzzing.LOGS, fuzzing.NAMES, fuzzing.OPTIONS)
    def attempt(data: bytes, name: str, options: dict[str, object]) -> None:
        log_counts[name] += 1
        last[:] = [data, name, options]
        began = time.monotonic()
        fuzzing.check(folder, data, name, options)
        took = time.monotonic() - began
        assert took < 20, f"{took:.0f} s for {len(data):,} bytes"

    try:
        attempt()
    except Exception as error:  # noqa: BLE001 - what failed is told at the end
        step = next(
            (
                frame
                for frame in reversed(traceback.extract_tb(error.__traceback__))
                if "/connectors/" in frame.filename
            ),
            traceback.extract_tb(error.__traceback__)[-1],
        )
        where = f"{type(error).__name__} at {step.filename}:{step.lineno} ({str(error)[:200]})"
        failures.setdefault(where, repr(last))


if __name__ == "__main__":
    main()
