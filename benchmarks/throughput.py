"""What a judgement costs the client: `analyze` beside bare loops of HTTP clients and a peer, against one endpoint.

    python -m benchmarks.throughput [--judgements 1200] [--rounds 3] [--set 16:0.05 64:0.5 256:0.5] [--json FILE]

An endpoint in a process of its own (`counting_stub`) answers after a set time. In turn, so that a busy machine meets
all alike: a bare loop of httpx2 (as many tasks as calls in flight, each posts the same bodies as the judge does and
decodes the answers), one of aiohttp, `Workspace.analyze` into a new SQLite file (the log is read, every reply and
judgement stored), and, where `inspect-ai` is installed, Inspect's `eval` of a scorer that makes one call with the same
prompt, into a log file. CPU time is that of this process, without start-up; the median of the rounds counts. Printed
for each set of calls in flight and seconds an answer: milliseconds of CPU a judgement and judgements a second, and both
as ratios to the bare loop of httpx2.
"""

import argparse
import asyncio
import gc
import importlib.util
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import httpx2

from convexplain import Workspace, load_rubric, read_log
from convexplain.connectors.models.endpoint_rules import EndpointRules
from convexplain.connectors.models.openai_requests import request_body
from convexplain.judges import judge_request

from .counting_stub import CountingStub

RUBRICS = ("helpfulness", "harm", "informativeness")
SETS = ("16:0.05", "64:0.5", "256:0.5")


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one way to judge.

    Attributes:
        cpu: milliseconds of CPU a judgement.
        rate: judgements a second.
    """

    cpu: float
    rate: float


def write_log(path: Path, judgements: int) -> None:
    """Write a log with so many judgements: three maxims of two assistant turns a conversation."""
    with path.open("w") as file:
        for i in range(judgements // (2 * len(RUBRICS))):
            texts = (
                f"Where is parcel {i}? I ordered it last week.",
                f"Parcel {i} left our depot on Monday and arrives tomorrow.",
                "Can I still change the address?",
                f"No, parcel {i} is on its way. Ask a neighbour to take it.",
            )
            messages = [{"role": ("user", "assistant")[j % 2], "content": text} for j, text in enumerate(texts)]
            file.write(json.dumps({"id": f"c{i}", "messages": messages}) + "\n")


def bodies(path: Path) -> list[dict[str, Any]]:
    """Return the bodies that the judge posts for the log."""
    rules, bodies = EndpointRules(), []
    for rubric in map(load_rubric, RUBRICS):
        for talk in read_log(path):
            for turn in (1, 3):
                request = judge_request(rubric, talk.until(turn).turns)
                bodies.append(request_body(request, "stub", rules))
    return bodies


async def bare(
    posts: Sequence[dict[str, Any]], in_flight: int, post: Callable[[dict[str, Any]], Awaitable[Any]]
) -> None:
    """Post all bodies, so many at once."""
    remaining = iter(posts)

    async def worker() -> None:
        for body in remaining:
            (await post(body))["choices"][0]["message"]["content"]

    await asyncio.gather(*(worker() for _ in range(in_flight)))


async def bare_httpx2(url: str, posts: Sequence[dict[str, Any]], in_flight: int) -> None:
    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=in_flight)
    async with httpx2.AsyncClient(limits=limits, timeout=60, trust_env=False) as client:

        async def post(body: dict[str, Any]) -> Any:
            return (await client.post(f"{url}/chat/completions", json=body)).json()

        await bare(posts, in_flight, post)


async def bare_aiohttp(url: str, posts: Sequence[dict[str, Any]], in_flight: int) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as session:

        async def post(body: dict[str, Any]) -> Any:
            async with session.post(f"{url}/chat/completions", json=body) as reply:
                return json.loads(await reply.read())

        await bare(posts, in_flight, post)


def ours(url: str, log: Path, in_flight: int, folder: Path) -> None:
    workspace = Workspace(folder / f"{time.monotonic_ns()}.db")
    workspace.store  # noqa: B018 - the tables are made before the clock begins
    judge = f"{url}?model=stub" + (f"&in_flight={in_flight}" if in_flight else "")
    workspace.analyze(log, RUBRICS, judge, reasons="none")
    workspace.close()


def inspect(url: str, posts: Sequence[dict[str, Any]], in_flight: int, folder: Path) -> None:
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessageUser, GenerateConfig, get_model
    from inspect_ai.scorer import Score, mean, scorer
    from inspect_ai.solver import solver

    @solver
    def as_logged() -> Any:
        async def solve(state: Any, generate: Any) -> Any:
            return state

        return solve

    @scorer(metrics=[mean()])
    def one_call() -> Any:
        async def score(state: Any, target: Any) -> Any:
            reply = await get_model().generate(state.messages)
            return Score(value=float(json.loads(reply.completion)["label"] == "yes"))

        return score

    config = GenerateConfig(max_connections=in_flight, max_tokens=24, temperature=0, logprobs=True, top_logprobs=20)
    model = get_model("openai-api/stub/stub", base_url=url, api_key="none", config=config)
    samples = [Sample(input=[ChatMessageUser(content=body["messages"][-1]["content"])]) for body in posts]
    task = Task(dataset=samples, solver=as_logged(), scorer=one_call())
    (log,) = eval(task, model=model, max_samples=in_flight, display="none", log_dir=str(folder))
    assert log.results.completed_samples == len(posts)


def timed(work: Callable[[], Any], count: int) -> Cost:
    cpu, clock = time.process_time(), time.perf_counter()
    work()
    return Cost(1000 * (time.process_time() - cpu) / count, count / (time.perf_counter() - clock))


def measure(in_flight: int, seconds: float, judgements: int, rounds: int) -> dict[str, Cost]:
    """Return the cost of each way, the median of the rounds."""
    with tempfile.TemporaryDirectory() as name, CountingStub(seconds) as stub:
        folder, url = Path(name), stub.url
        log, small = folder / "chats.jsonl", folder / "small.jsonl"
        write_log(log, judgements)
        write_log(small, 24)
        ways: dict[str, Callable[[Path, Sequence[dict[str, Any]]], Any]] = {
            "httpx2": lambda log, posts: asyncio.run(bare_httpx2(url, posts, in_flight)),
            "aiohttp": lambda log, posts: asyncio.run(bare_aiohttp(url, posts, in_flight)),
            "convexplain": lambda log, posts: ours(url, log, in_flight, folder),
        }
        if importlib.util.find_spec("inspect_ai"):
            ways["inspect"] = lambda log, posts: inspect(url, posts, in_flight, folder)
        costs: dict[str, list[Cost]] = {way: [] for way in ways}
        few, posts = bodies(small), bodies(log)
        for work in ways.values():
            work(small, few)  # what is loaded once
        gc.collect()
        gc.freeze()  # one collection of all modules would count as much as hundreds of judgements
        for _ in range(rounds):
            for way, work in ways.items():
                costs[way].append(timed(partial(work, log, posts), len(posts)))
    return {
        way: Cost(statistics.median(c.cpu for c in each), statistics.median(c.rate for c in each))
        for way, each in costs.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--judgements", type=int, default=1200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--set", nargs="+", default=SETS, metavar="IN_FLIGHT:SECONDS", help="calls and an answer's time"
    )
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    figures = {}
    for chosen in options.set:
        in_flight, _, seconds = chosen.partition(":")
        costs = measure(int(in_flight), float(seconds), options.judgements, options.rounds)
        figures[chosen] = {way: asdict(cost) for way, cost in costs.items()}
        base = costs["httpx2"]
        print(f"{in_flight} calls in flight, {seconds} s an answer:")
        for way, cost in costs.items():
            print(
                f"  {way}: {cost.cpu:.2f} ms of CPU a judgement ({cost.cpu / base.cpu:.2f} x), "
                f"{cost.rate:.0f} judgements a second ({cost.rate / base.rate:.0%})"
            )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
