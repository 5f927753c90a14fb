"""Do the contrast searches keep an endpoint busy?

    python benchmarks/contrast_latency.py

A judge on this machine answers after 200 ms; its score hangs on four of 60 words of the earlier assistant turns, other
ones in each of ten conversations, and in half of these a fifth of the fills hurt. Each contrast is looked for with one
call after the other and with 16 calls in flight, budget 50: the same result, in what share of the time?
"""

import argparse
import asyncio
import math
import multiprocessing
import random
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' stub server

from convexplain import Conversation, Turn, load_rubric
from convexplain.calls import Calls
from convexplain.connectors.models import OpenAICompatible
from convexplain.contrasts import ContrastFinder, Settings
from convexplain.infilling import Masked
from convexplain.judges import Judge
from convexplain.types import Contrast
from tests.stub_server import StubServer

N, SECONDS, WORDS = 10, 0.2, 60


class Stones:
    """Fills every hole with a word that says nothing, or, every fifth, with one that hurts."""

    name = fingerprint = "stones"

    async def prepare(self) -> None:
        """Nothing to load."""

    async def infill(self, masked: Sequence[Masked], k: int) -> list[list[str]]:
        """k different words for each hole."""
        return [[self._fill(hole.old, i) for i in range(k)] for hole in masked]

    async def aclose(self) -> None:
        """Nothing to close."""

    def _fill(self, old: str, i: int) -> str:
        return random.Random(f"{old} {i}").choice(["stone", "pebble", "rock", "brick", "mud"]) + str(i)


def talk(number: int) -> Conversation:
    """Two earlier assistant turns of 30 different words each."""
    first, second = (" ".join(f"w{i}" for i in some) for some in (range(30), range(30, WORDS)))
    ask = Turn("user", f"conversation {number} ?")
    return Conversation(
        str(number), (ask, Turn("assistant", first), ask, Turn("assistant", second), ask, Turn("assistant", "So."))
    )


def probability(prompt: str) -> float:
    """High where the causes are gone; in every second conversation mud takes it down again."""
    words = prompt.rpartition("<conversation>")[2].split()
    number = int(words[words.index("conversation") + 1])
    causes = random.Random(number).sample(range(WORDS), 4)
    gone = sum(f"w{cause}" not in words for cause in causes)
    mud = sum(word.startswith("mud") for word in words) if number % 2 else 0
    return 1 / (1 + math.exp(3 - 1.6 * gone + 0.8 * mud))


def serve(line: Connection) -> None:
    server = StubServer()
    server.seconds, server.probability = SECONDS, probability
    line.send(server.url)
    line.recv()


async def find(url: str, search: str, in_flight: int) -> tuple[float, list[Contrast]]:
    model = OpenAICompatible(f"{url}?in_flight={in_flight}")
    await model.prepare()
    async with Calls(model) as calls:
        finder = ContrastFinder(Judge(calls), Stones())
        began = time.perf_counter()
        found = [await finder.find(talk(i), 5, load_rubric("helpfulness"), Settings(search=search)) for i in range(N)]
        seconds = time.perf_counter() - began
    await model.aclose()
    return seconds, found


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    line, other = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(other,), daemon=True)
    process.start()
    url = line.recv()
    print("| search | found | calls | one after the other | 16 in flight | share | same results |")
    print("|---|---|---|---|---|---|---|")
    for search in ("guided", "cell_budget", "cell"):
        slow, alone = asyncio.run(find(url, search, 1))
        fast, together = asyncio.run(find(url, search, 16))
        same = all(a.edits == b.edits and a.trace == b.trace for a, b in zip(alone, together, strict=True))
        found, calls = sum(c.found for c in together), sum(c.calls for c in together) / N
        print(
            f"| {search} | {found} of {N} | {calls:.1f} | {slow:.1f} s | {fast:.1f} s | {fast / slow:.2f} | {same} |",
            flush=True,
        )
    line.send("end")
    process.join()


if __name__ == "__main__":
    main()
