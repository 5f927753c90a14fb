"""How long does it take to score a hand-made edit of a turn on the three headline maxims, with the embedded judge?

    python benchmarks/what_if.py

Conversations of several lengths; the last reply is replaced by texts of the same length, all of them different. The
first call judges the turn as it is too; the median of the later calls is what a person who tries words waits for.
Seconds of the clock, and of the processor (which a busy machine does not change).
"""

import statistics
import time

from convexplain import Turn, Workspace

SENTENCE = "the order will be sent to your address on Monday and we are sorry for the delay that you had with it"
LATER = 7


def text(words: int, seed: int) -> str:
    """Return so many words, other ones for each seed."""
    vocabulary = SENTENCE.split()
    return " ".join(vocabulary[(7 * i + seed) % len(vocabulary)] for i in range(words))


def timed(workspace: Workspace, turns: list[Turn], words: str) -> tuple[float, float]:
    """Return the seconds of one call, of the clock and of the processor."""
    clock, processor = time.monotonic(), time.process_time()
    workspace.what_if(turns, -1, words, judge="embedded")
    return time.monotonic() - clock, time.process_time() - processor


def main() -> None:
    """Print a row for each length."""
    workspace = Workspace("memory")
    workspace.what_if([Turn("user", "Hi"), Turn("assistant", "Hello")], -1, "Bye", judge="embedded")  # loads the model
    print("| turns | words in each | first call | later calls | processor, later calls |\n|---|---|---|---|---|")
    for pairs, words in ((1, 10), (2, 30), (6, 30), (6, 100), (12, 100), (12, 200), (12, 300)):
        turns = [Turn("assistant" if i % 2 else "user", text(words, i)) for i in range(2 * pairs)]
        first, *later = (timed(workspace, turns, f"Number {k}: {text(words, k)}") for k in range(1 + LATER))
        clock, processor = (statistics.median(seconds) for seconds in zip(*later, strict=True))
        print(f"| {2 * pairs} | {words} | {first[0]:.2f} s | {clock:.2f} s | {processor:.2f} s |")


if __name__ == "__main__":
    main()
