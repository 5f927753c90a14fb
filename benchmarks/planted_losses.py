"""Is a text that no reader takes always remarked on?

    python benchmarks/planted_losses.py

Reads the logs with planted texts of `tests/connectors/logs/planted_losses.py` and prints a table: the format, the place
of the text, and what reading the log says. The exit code is 1 where one is silent.
"""

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' logs

from convexplain import read_log
from convexplain.errors import Problem
from tests.connectors.logs.planted_losses import PLANTED


def main() -> None:
    silent = 0
    print("| format | place | message | exit code |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for planted in PLANTED:
            path = Path(folder, planted.name)
            path.write_bytes(planted.content)
            problems: list[Problem] = []
            list(read_log(path, on_problem=problems.append))
            messages = [problem for problem in problems if " in no turn" in problem.reason]
            silent += not messages
            reasons = "; ".join(problem.reason for problem in messages) or "none"
            print(f"| {planted.format} | {planted.place} | {reasons} | {int(any(not x.kept for x in messages))} |")
    formats = {planted.format for planted in PLANTED}
    print(f"\n{len(PLANTED)} planted in {len(formats)} formats, {silent} without a message")
    sys.exit(1 if silent else 0)


if __name__ == "__main__":
    main()
