"""Does the pipeline keep an endpoint busy, and does it lose anything when the endpoint is in trouble?

    python benchmarks/latency.py

A server on this machine answers after 200 ms. 320 judgements with 16 calls in flight take 20 round trips at least.
Then the same with 5 % of the calls answered by 429 and 5 % by a closed connection (drawn with seed 0). The series is
how many calls were open at most in each second: after a trouble it should come back towards 16.
"""

import argparse
import asyncio
import multiprocessing
import random
import sys
import threading
import time
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # the tests' stub server

from convexplain import Conversation, Turn, load_rubric
from convexplain.connectors.models import OpenAICompatible
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from tests.stub_server import StubServer

N, SECONDS = 320, 0.2


class Gauge:
    """The calls that the server had open at most, second by second."""

    def __init__(self) -> None:
        self._lock, self._open, self._began = threading.Lock(), 0, time.monotonic()
        self.most: dict[int, int] = {}

    def change(self, by: int) -> None:
        """A call began (1) or ended (-1)."""
        with self._lock:
            self._open += by
            second = int(time.monotonic() - self._began)
            self.most[second] = max(self.most.get(second, 0), self._open)


async def run(url: str) -> tuple[float, int, Calls]:
    """Seconds, scored judgements and what was spent, for 320 conversations of one turn."""
    model = OpenAICompatible(f"{url}?in_flight=16")
    await model.prepare()
    rubric = load_rubric("helpfulness")
    talks = [Conversation(str(i), (Turn("user", f"Is {i} even?"), Turn("assistant", f"No {i}."))) for i in range(N)]
    async with Calls(model) as calls:
        judge = Judge(calls)
        began = time.perf_counter()
        judgements = await asyncio.gather(*(judge.judge_turn(talk, 1, rubric) for talk in talks))
        seconds = time.perf_counter() - began
    await model.aclose()
    return seconds, sum(judgement.score is not None for judgement in judgements), calls


def serve(trouble: bool, line: Connection) -> None:
    """The server, in a process of its own; when told to end it says how many requests came and what the gauge saw."""
    server, rng, gauge = StubServer(), random.Random(0), Gauge()

    def misbehave(number: int) -> object:
        gauge.change(1)
        time.sleep(SECONDS)
        gauge.change(-1)
        drawn = rng.random()
        if trouble and drawn < 0.05:
            return 429, {}, '{"error": "slow down"}'
        return "close" if trouble and drawn < 0.1 else None

    server.misbehave = misbehave
    line.send(server.url)
    line.recv()
    line.send((len(server.prompts), [gauge.most[i] for i in sorted(gauge.most)]))


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for trouble in (False, True):
        line, server_end = multiprocessing.Pipe()
        process = multiprocessing.Process(target=serve, args=(trouble, server_end), daemon=True)
        process.start()
        seconds, scored, calls = asyncio.run(run(line.recv()))
        line.send("end")
        requests, most = line.recv()
        process.join()
        print(
            f"{'5 % 429, 5 % resets' if trouble else 'no trouble'}: {scored} of {N} scored in {seconds:.1f} s = "
            f"{seconds / SECONDS:.1f} round trips of {SECONDS * 1000:.0f} ms; {requests} requests, "
            f"{calls.spend.retries} retries; open at most, by second: {most}"
        )


if __name__ == "__main__":
    main()
