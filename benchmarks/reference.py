"""Judges on the reference set: which planted bad turns do they find, on which maxim and of which kind?

    python benchmarks/reference.py --judge embedded --judge small --half reporting --db reference.db

The same as `convexplain judges check JUDGE --benchmark`. `--write` puts the results into the file that ships with
convexplain, by which everybody's judge of the same weights and rubrics is `benchmarked`; `--list` prints every turn
with its lowest score.
"""

import argparse
from pathlib import Path

from rich.console import Console

from convexplain import Workspace
from convexplain.cli.show.benchmarks import show_benchmark
from convexplain.cli.show.progress import ConsoleProgress
from convexplain.judges.reference import reference_set
from convexplain.judges.reference.shipped_results import FILE, write_results
from convexplain.rubrics import HEADLINE
from convexplain.workspace import HALVES, Half

RESULTS = Path(__file__).resolve().parent.parent / "judges" / "reference" / FILE


def list_turns(workspace: Workspace, judge: str, half: Half) -> None:
    """Print the turns of a half, the lowest score over the maxims first; replies are in the store by now."""
    log = reference_set(half)
    scores: dict[tuple[str, int], dict[str, float]] = {}
    for judgement in workspace.judge(list(log.conversations), HEADLINE, judge):
        if judgement.score is not None:
            scores.setdefault((judgement.conversation_id, judgement.turn), {})[judgement.rubric] = judgement.score
    rows = [(scores.get((turn.conversation.id, turn.turn), {}), turn) for turn in log.turns]
    for row, turn in sorted(rows, key=lambda row: min(row[0].values(), default=2.0)):
        values = " ".join(f"{row[name]:.2f}" if name in row else "  – " for name in HEADLINE)
        print(f"{values} {turn.manner or turn.kind:12} {turn.conversation.id}:{turn.turn} {turn.text[:90]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", action="append", default=[])
    parser.add_argument("--half", choices=HALVES, default="reporting")
    parser.add_argument("--db", required=True, help="run store that keeps the replies")
    parser.add_argument("--list", action="store_true", help="list every turn with its scores")
    parser.add_argument("--write", action="store_true", help="put the results into the file that ships")
    options = parser.parse_args()
    workspace = Workspace(options.db)
    progress = ConsoleProgress(Console(stderr=True))
    for judge in options.judge or ["embedded"]:
        result = workspace.benchmark(judge, half=options.half, progress=progress)
        show_benchmark(Console(), result)
        if options.list:
            list_turns(workspace, judge, options.half)
        if options.write:
            write_results([result], RESULTS)


if __name__ == "__main__":
    main()
