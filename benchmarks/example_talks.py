"""The conversations of `examples/`, for the benchmarks that judge them."""

from pathlib import Path

from convexplain import Conversation, read_log

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def example_talks() -> list[Conversation]:
    """All of them, in the order of the files."""
    files = [file for file in sorted(EXAMPLES.iterdir()) if file.suffix != ".md"]
    return [talk for file in files for talk in read_log(file, on_problem=lambda problem: None)]
