"""The cost of 10^6, 10^8 and 10^10 assistant turns: calls, hours, storage and money, from measured numbers.

    python -m benchmarks.scale                     # measures here what this machine can measure, then computes
    python -m benchmarks.scale --gpu-hour 2.5 --core-hour 0.03

Three kinds of numbers go in, and the tables name them: measured here (store, client, reading), measured before
(docs/benchmarks/cost.md, docs/models.md, judges/reference/results.json), and arithmetic: GPU hours at the limit of
prefill, which no server reaches. So real GPU hours are higher; by how much has not been measured.
"""

import argparse
import json
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path

from convexplain import Conversation, Turn, Workspace
from convexplain.analysis.sampling import Population, SampleSettings
from convexplain.connectors.logs import read_log
from convexplain.connectors.models import ScriptedModel
from convexplain.rubrics import HEADLINE, load_rubric

TURNS = (10**6, 10**8, 10**10)
SAMPLE = 10_000

# Measured before, on two cores without a GPU.
WHOLE_PROMPT = 725  # tokens of a judgement, ConTurE, n = 200 (docs/benchmarks/cost.md)
NEW_TOKENS = 83  # of them computed, where the server keeps prefixes (the same rows)
HEAD_SECONDS = 1 / 6  # of two cores for a turn on three maxims, `embedded` (docs/models.md)
BAND = 0.15  # of `--escalate-band`

# Arithmetic: a token costs two operations for each parameter that it uses.
PEAK = 790e12  # operations a second of an H200 in bfloat16, as measured on large matrices (benchmarks/mixtral.py)
ACTIVE = {"Mixtral-class": 12.9e9, "8B": 8e9, "1B": 1e9}


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures that were measured on this machine.

    Attributes:
        turn_bytes: of the store for an assistant turn with the message before it.
        judgement_bytes: of the store for a judgement with the judge's reply in the cache.
        judging_seconds: CPU of a judgement, beside the HTTP client and the server.
        drawing_seconds: CPU for reading an assistant turn and drawing a sample.
    """

    turn_bytes: float
    judgement_bytes: float
    judging_seconds: float
    drawing_seconds: float


@dataclass(frozen=True, slots=True)
class Way:
    """A way to judge one turn on three maxims: calls, tokens that a GPU computes, and seconds of CPU cores."""

    name: str
    calls: float
    gpu_seconds: float
    core_seconds: float


def invented(n: int) -> Iterator[Conversation]:
    """Yield conversations of four questions and answers, about 60 words a turn."""
    words = "the order will arrive on friday and the refund follows within five days after that " * 4
    for i in range(n):
        turns = [
            turn for k in range(4) for turn in (Turn("user", f"{i} {k}? {words}"), Turn("assistant", f"{k}. {words}"))
        ]
        yield Conversation(f"c{i}", tuple(turns), "invented")


def measure(n: int = 200) -> Measured:
    """Return what this machine can measure, in a minute."""
    talks, turns = list(invented(n)), 4 * n
    with tempfile.TemporaryDirectory() as folder:
        log, db = Path(folder) / "log.jsonl", Path(folder) / "store.db"
        messages = [[{"role": turn.role, "content": turn.content} for turn in talk.turns] for talk in talks]
        rows = ({"id": talk.id, "messages": body} for talk, body in zip(talks, messages, strict=True))
        log.write_text("\n".join(map(json.dumps, rows)))
        began = time.process_time()
        population = Population(SampleSettings(SAMPLE), frozenset({"turn"}), "all")
        for talk in read_log(log):
            population.add(talk)
        population.draw()
        drawing = (time.process_time() - began) / turns
        workspace = Workspace(db)
        workspace.import_logs(log)
        imported = _size(db)
        model = ScriptedModel(lambda request: {"yes": 0.8, "no": 0.2})
        began = time.process_time()
        run = workspace.analyze(stored=0, rubrics=list(HEADLINE), judge=model, reasons="none")
        judging = (time.process_time() - began) / len(run.judgements)
        judged = _size(db)
        count = len(run.judgements)
        workspace.close()
    return Measured(imported / turns, (judged - imported) / count, judging, drawing)


def _size(db: Path) -> int:
    with closing(sqlite3.connect(db)) as connection:
        return int(
            connection.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").fetchone()[0]
        )


def escalated() -> dict[str, tuple[float, int]]:
    """Return for each maxim the share of good reference turns that `embedded` leaves to a second judge, and their n."""
    results = json.loads((files("convexplain.judges") / "reference" / "results.json").read_text("utf-8"))
    embedded = next(body for judge, body in results.items() if judge.startswith("smollm2"))
    shares = {}
    for maxim in embedded["reporting"]["maxims"]:
        scores, threshold = maxim["scores"]["good"], load_rubric(maxim["rubric"]).threshold
        near = sum(abs(score - threshold) <= BAND for score in scores)
        shares[maxim["rubric"]] = near / len(scores), len(scores)
    return shares


def ways(measured: Measured) -> list[Way]:
    """Return the ways to judge a turn on the three headline maxims."""
    head = Way("head (`embedded`)", 1, 0.0, 2 * HEAD_SECONDS)
    every = []
    for name, active in ACTIVE.items():
        for tokens, prefix in ((WHOLE_PROMPT, ""), (NEW_TOKENS, ", prefixes kept")):
            gpu = len(HEADLINE) * tokens * 2 * active / PEAK
            every.append(Way(f"{name}{prefix}", len(HEADLINE), gpu, len(HEADLINE) * measured.judging_seconds))
    share = sum(near for near, _ in escalated().values())  # judgements a turn, of three
    gpu = share * WHOLE_PROMPT * 2 * ACTIVE["Mixtral-class"] / PEAK
    cascade = Way("head, then Mixtral-class", 1 + share, gpu, head.core_seconds + share * measured.judging_seconds)
    return [*every, head, cascade]


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gpu-hour", type=float, default=3.0, help="dollars for an hour of one H200 (default 3.00)")
    parser.add_argument("--core-hour", type=float, default=0.04, help="dollars for an hour of one core (default 0.04)")
    parser.add_argument("--gb-month", type=float, default=0.1, help="dollars for a GB of disk a month (default 0.10)")
    prices = parser.parse_args()
    measured = measure()
    print(f"Store: {measured.turn_bytes:,.0f} bytes a turn, {measured.judgement_bytes:,.0f} bytes a judgement. Client: "
          f"{1000 * measured.judging_seconds:.2f} ms of CPU a judgement. Reading and drawing: "
          f"{1e6 * measured.drawing_seconds:.0f} µs of CPU a turn.")  # fmt: skip
    for rubric, (share, n) in escalated().items():
        print(f"Escalated by the head on {rubric}: {100 * share:.1f} % of {n} good turns")
    columns = ("turns", "way", "calls", "GPU hours, at least", "core hours", "store, GB", "dollars")
    print(f"\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for turns in TURNS:
        stored = turns * (measured.turn_bytes + len(HEADLINE) * measured.judgement_bytes)
        for way in ways(measured):
            _print(prices, turns, way, turns, 0.0, stored)
        reading = turns * measured.drawing_seconds
        stored = SAMPLE * (4 * measured.turn_bytes + len(HEADLINE) * measured.judgement_bytes)
        large = next(way for way in ways(measured) if way.name == "Mixtral-class")
        sample = replace(large, name=f"sample of {SAMPLE:,}, Mixtral-class")
        _print(prices, turns, sample, SAMPLE, 2 * reading, stored)


def _print(prices: argparse.Namespace, turns: int, way: Way, judged: int, reading: float, stored: float) -> None:
    gpu, cores, gigabytes = judged * way.gpu_seconds / 3600, (judged * way.core_seconds + reading) / 3600, stored / 1e9
    money = gpu * prices.gpu_hour + cores * prices.core_hour + gigabytes * prices.gb_month
    hours = f"{gpu:,.1f} | {cores:,.1f}"
    print(f"| {turns:.0e} | {way.name} | {judged * way.calls:,.0f} | {hours} | {gigabytes:,.1f} | {money:,.0f} |")


if __name__ == "__main__":
    main()
