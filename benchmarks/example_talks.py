"""The conversations of `benchmarks/logs/`, for the benchmarks that judge them."""

from pathlib import Path

from convexplain import Conversation, read_log

LOGS = Path(__file__).resolve().parent / "logs"


def example_talks() -> list[Conversation]:
    """Return all of them, in the order of the files."""
    files = [file for file in sorted(LOGS.iterdir()) if file.suffix != ".md"]
    return [talk for file in files for talk in read_log(file, on_problem=lambda problem: None)]
