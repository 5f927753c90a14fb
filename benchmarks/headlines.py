"""How often a headline names a contradiction or a repetition, and on which replies.

    python benchmarks/headlines.py
    python benchmarks/headlines.py --log chats.jsonl     # sentences about the last turns of a log, to be read

Without a log: every hand-written reply of the reference set after good replies, in each of its rows of values.
"""

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from convexplain import read_log
from convexplain.explain.contradictions import contradiction
from convexplain.explain.headlines import repetition
from convexplain.judges.reference.parts import shipped_scenarios
from convexplain.judges.reference.planting import compose
from convexplain.judges.reference.reference_set import HALVES, halves
from convexplain.types import Conversation


def planted(half: str) -> Iterator[tuple[str, Conversation, int]]:
    """Yield the kind of each reply of a half of the reference set, with its conversation and its index there."""
    scenarios = shipped_scenarios()
    places = halves(scenarios)
    for scenario in (scenario for scenario in scenarios if places[scenario.id] == half):
        good = [exchange.good[0] for exchange in scenario.exchanges]
        for row in range(len(scenario.rows)):
            for place, exchange in enumerate(scenario.exchanges):
                for reply in (*exchange.good, *exchange.bad):
                    replies = [*good[:place], reply, *good[place + 1 :]]
                    turn = compose(scenario, row, replies, f"{scenario.id}-{row + 1}")[place]
                    yield reply.kind, turn.conversation, turn.turn


def main() -> None:
    """Print the counts, and the sentences about a log."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, help="a log whose last turns are read")
    log = parser.parse_args().log
    if log is not None:
        turns, sentences = 0, 0
        for conversation in read_log(log):
            turns, last = turns + 1, len(conversation.turns) - 1
            if sentence := contradiction(conversation, last) or repetition(conversation, last):
                sentences += 1
                print(f"{conversation.id}: {sentence} | {' '.join(conversation.turns[last].content.split())[:200]}")
        print(f"{sentences} of {turns} last turns")
        return
    for half in HALVES:
        counts = Counter[str]()
        contradicting = Counter[str]()
        for kind, conversation, turn in planted(half):
            counts[kind] += 1
            contradicting[kind] += bool(contradiction(conversation, turn))
        kinds = ", ".join(f"{kind} {contradicting[kind]} of {counts[kind]}" for kind in counts)
        print(f"{half}: contradictions in {kinds}")


if __name__ == "__main__":
    main()
