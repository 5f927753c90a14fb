"""How long does it take to score a hand-made edit of a turn on the three headline maxims, with the embedded judge?

    python benchmarks/what_if.py

Conversations of several lengths; the last reply is replaced by texts of the same length, all of them different. The
first call judges the turn as it is too; the median of the later calls is what a person who tries words waits for. The
last column is the same by the service of the dashboard's page, whose run was judged before: from the click to the
scores, in a thread of the server. Seconds of the clock, and of the processor (which a busy machine does not change).
"""

import statistics
import tempfile
import time
from pathlib import Path

from convexplain import Conversation, Turn, Workspace
from convexplain.dashboard.services.conversation import open_conversation
from convexplain.dashboard.services.tries import start_try

SENTENCE = "the order will be sent to your address on Monday and we are sorry for the delay that you had with it"
LATER = 7
MAXIMS = ("helpfulness", "harm", "informativeness")


def text(words: int, seed: int) -> str:
    """Return so many words, other ones for each seed."""
    vocabulary = SENTENCE.split()
    return " ".join(vocabulary[(7 * i + seed) % len(vocabulary)] for i in range(words))


def timed(workspace: Workspace, turns: list[Turn], words: str) -> tuple[float, float]:
    """Return the seconds of one call, of the clock and of the processor."""
    clock, processor = time.monotonic(), time.process_time()
    workspace.what_if(turns, -1, words, judge="embedded")
    return time.monotonic() - clock, time.process_time() - processor


def on_the_page(workspace: Workspace, turns: list[Turn], texts: list[str]) -> float:
    """Return the median seconds of the clock from a click to the scores, of all edits but the first."""
    talk = Conversation(f"{len(turns)} turns, {len(texts[0])} characters", tuple(turns))
    run = workspace.analyze([talk], MAXIMS, "embedded", turns="last").id
    view = open_conversation(workspace.store, run, talk.id)
    assert view is not None
    seconds = []
    for words in texts:
        clock = time.monotonic()
        attempt = start_try(workspace.store, view, len(turns) - 1, {len(turns) - 1: words}, MAXIMS[0])
        assert len(attempt.scores.result().changes) == len(MAXIMS)
        seconds.append(time.monotonic() - clock)
    return statistics.median(seconds[1:])


def main() -> None:
    """Print a row for each length."""
    with tempfile.TemporaryDirectory() as folder:
        memory, stored = Workspace("memory"), Workspace(Path(folder) / "store.db")
        memory.what_if([Turn("user", "Hi"), Turn("assistant", "Hello")], -1, "Bye", judge="embedded")  # loads the model
        print("| turns | words in each | first call | later calls | processor, later calls | on the page |")
        print("|---|---|---|---|---|---|")
        for pairs, words in ((1, 10), (2, 30), (6, 30), (6, 100), (12, 100), (12, 200), (12, 300)):
            turns = [Turn("assistant" if i % 2 else "user", text(words, i)) for i in range(2 * pairs)]
            texts = [f"Number {k}: {text(words, k)}" for k in range(1 + LATER)]
            first, *later = (timed(memory, turns, edit) for edit in texts)
            clock, processor = (statistics.median(seconds) for seconds in zip(*later, strict=True))
            page = on_the_page(stored, turns, texts)
            times = (f"{seconds:.2f} s" for seconds in (first[0], clock, processor, page))
            print(f"| {2 * pairs} | {words} | {' | '.join(times)} |", flush=True)
        stored.close()


if __name__ == "__main__":
    main()
