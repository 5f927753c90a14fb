"""Do the contrast searches keep an endpoint busy?

    python benchmarks/contrast_latency.py

A judge on this machine answers after 200 ms. As with real judges, its score hangs a little on every one of 60 words of
the earlier assistant turns and on every fill, more on some (drawn for each of ten conversations). Each contrast is
looked for with one call after the other and with 16 calls in flight, budget 50: the same result, in what share of the
time?
"""

import argparse
import asyncio
import math
import multiprocessing
import random
import sys
import time
from collections.abc import Iterator, Sequence
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' stub server

from convexplain import Conversation, Turn, load_rubric
from convexplain.connectors.models import OpenAICompatible
from convexplain.explain.contrasts import ContrastFinder
from convexplain.explain.settings import ContrastSettings
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.models.editing import Passage
from convexplain.models.infilling import Masked
from convexplain.types import Contrast
from tests.stub_server import StubServer

N, SECONDS, WORDS = 10, 0.2, 60


class Numbers:
    """Fills the hole of the word w7 with f7.0, f7.1 and so on."""

    name = fingerprint = "numbers"

    async def prepare(self) -> None:
        """Nothing to load."""

    async def infill(self, masked: Sequence[Masked], k: int) -> list[list[str]]:
        """k different words for each hole."""
        return [[f"f{hole.old[1:]}.{i}" for i in range(k)] for hole in masked]

    async def aclose(self) -> None:
        """Nothing to close."""


class SentenceNumbers:
    """Proposes a sentence in which one word, or all of them, are other ones: w7 becomes f7.0, f7.1 and so on."""

    name = fingerprint = "numbers"
    error = ""
    error = ""

    async def prepare(self) -> None:
        """Nothing to load."""

    async def propose(self, passages: Sequence[Passage], k: int) -> list[list[str]]:
        """At most k texts for each passage that were not refused."""
        return [list(islice((t for t in self._texts(p) if t not in p.refused), k)) for p in passages]

    async def aclose(self) -> None:
        """Nothing to close."""

    def _texts(self, passage: Passage) -> Iterator[str]:
        content, unit = passage.turns[passage.unit.turn].content, passage.unit
        words = passage.text.split()
        for fill in range(3):
            others = [f"f{word[1:].rstrip('.')}.{fill}{'.' * word.endswith('.')}" for word in words]
            for edited in (others, *([*words[:i], others[i], *words[i + 1 :]] for i in range(len(words)))):
                yield content[: unit.start] + " ".join(edited) + content[unit.end :]


def talk(number: int) -> Conversation:
    """Two earlier assistant turns of 30 different words each, in sentences of six."""
    first, second = (
        " ".join(f"w{i}{'.' * (i % 6 == 5)}" for i in word_numbers) for word_numbers in (range(30), range(30, WORDS))
    )
    ask = Turn("user", f"conversation {number} ?")
    return Conversation(
        str(number), (ask, Turn("assistant", first), ask, Turn("assistant", second), ask, Turn("assistant", "So."))
    )


def probability(prompt: str) -> float:
    """Its log-odds are a sum over the words."""
    words = prompt.rpartition("<conversation>")[2].split()
    number = words[words.index("conversation") + 1]
    effects = (_effect(number, word) for word in words if word[0] in "wf" and word[1:2].isdecimal())
    return 1 / (1 + math.exp(1.0 - sum(effects)))


def _effect(number: str, word: str) -> float:
    """Return what a fill does: something for the word that is gone, something for itself; rather worse than better."""
    rng = random.Random(f"{number} {word.split('.')[0].lstrip('wf')}")
    gone = rng.gauss(0, 0.15) / max(0.2, abs(rng.gauss(0, 1)))
    fill_rng = random.Random(f"{number} {word}")
    return 0.0 if word[0] == "w" else gone + fill_rng.gauss(-0.05, 0.15)


def serve(line: Connection) -> None:
    server = StubServer()
    server.seconds, server.probability = SECONDS, probability
    line.send(server.url)
    line.recv()


async def find(url: str, search: str, in_flight: int) -> tuple[float, list[Contrast]]:
    model = OpenAICompatible(f"{url}?in_flight={in_flight}")
    await model.prepare()
    async with Calls(model) as calls:
        finder = ContrastFinder(Judge(calls), Numbers(), editors=[SentenceNumbers()])
        settings = ContrastSettings(search=search, question="rescore", any_text=True, placebo=0)
        began = time.perf_counter()
        contrasts = [await finder.find(talk(i), 5, load_rubric("helpfulness"), settings) for i in range(N)]
        seconds = time.perf_counter() - began
    await model.aclose()
    return seconds, contrasts


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    line, server_end = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(server_end,), daemon=True)
    process.start()
    url = line.recv()
    print("| search | found | calls | one after the other | 16 in flight | share | same results |")
    print("|---|---|---|---|---|---|---|")
    for search in ("natural", "guided", "few", "cell_budget", "cell"):
        slow, alone = asyncio.run(find(url, search, 1))
        fast, together = asyncio.run(find(url, search, 16))
        same = all(a.edits == b.edits and a.trace == b.trace for a, b in zip(alone, together, strict=True))
        flips, calls = sum(c.found for c in together), sum(c.calls for c in together) / N
        print(
            f"| {search} | {flips} of {N} | {calls:.1f} | {slow:.1f} s | {fast:.1f} s | {fast / slow:.2f} | {same} |",
            flush=True,
        )
    line.send("end")
    process.join()


if __name__ == "__main__":
    main()
