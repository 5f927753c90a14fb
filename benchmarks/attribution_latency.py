"""Are an attribution's evaluations really sent out together?

    python benchmarks/attribution_latency.py

A judge on this machine answers after 200 ms; a conversation of 51 turns is attributed to its turns with 100
evaluations, with one call after the other and with 16 in flight. Seven round trips are the least; before them the
unchanged turn is judged.
"""

import argparse
import asyncio
import multiprocessing
import time

from contrast_latency import SECONDS, serve

from convexplain import Conversation, Turn, load_rubric
from convexplain.connectors.models import OpenAICompatible
from convexplain.explain.attribution import Attributor
from convexplain.explain.measurement import TurnMeasure
from convexplain.explain.settings import AttributionSettings
from convexplain.judges import Judge
from convexplain.models.calls import Calls
from convexplain.search import ATTRIBUTION_METHODS

BUDGET = 100
TURNS = tuple(Turn("user" if i % 2 == 0 else "assistant", f"w{i} and w{i + 50}") for i in range(51))
TALK = Conversation("1", (*TURNS, Turn("assistant", "conversation 1 ?")))  # the judge goes by the number


async def attribute(url: str, method: str, in_flight: int) -> tuple[float, int]:
    """Seconds and evaluations."""
    model = OpenAICompatible(f"{url}?in_flight={in_flight}")
    await model.prepare()
    async with Calls(model) as calls:
        settings = AttributionSettings(method=method, levels=("turn",), budget=BUDGET)
        began = time.perf_counter()
        (attribution,) = await Attributor(TurnMeasure(Judge(calls))).attribute(
            TALK, len(TURNS), load_rubric("helpfulness"), settings
        )
        seconds = time.perf_counter() - began
    await model.aclose()
    return seconds, attribution.calls


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    line, server_end = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(server_end,), daemon=True)
    process.start()
    url = line.recv()
    print("| method | evaluations | one after the other | 16 in flight | round trips |")
    print("|---|---|---|---|---|")
    for method in ATTRIBUTION_METHODS.names:
        slow, calls = asyncio.run(attribute(url, method, 1))
        fast, _ = asyncio.run(attribute(url, method, 16))
        print(f"| {method} | {calls} | {slow:.1f} s | {fast:.2f} s | {fast / SECONDS:.1f} |", flush=True)
    line.send("end")
    process.join()


if __name__ == "__main__":
    main()
