"""Cost of a judgement, factor by factor, and agreement of the cheap ways with people beside that of the dear one.

    python benchmarks/judging.py conture.jsonl --judge gguf:qwen2.5-coder-1.5b-instruct.gguf -n 200
    python benchmarks/judging.py conture.jsonl --judge embedded -n 200

Ways of scoring a turn, one after the other on the same rows and the same machine:

    samples          five replies at temperature 1 with label and explanation, examples shuffled, asked
                     together, one row after the other; prefix cache on
    no prefix cache  label probability, every prompt computed whole
    prefix cache     label probability, one prompt after the other
    batched          label probability, as many prompts at once as the model takes (where it takes several)

`--dear N` judges only every so many rows, N in all, in the first two ways, which cost the most. Agreement is Spearman's
rho with people, with 95 % bootstrap intervals over dialogues, beside that of the last way on the same rows.
"""

import argparse
import asyncio
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from convexplain import Conversation, Rubric, Turn, load_rubric
from convexplain.agreement import Draws, spearman
from convexplain.connectors.models import LlamaCppModel, LocalModel, OpenAICompatible, open_model
from convexplain.judges import SAMPLES
from convexplain.judges.judge import by_probability, by_samples
from convexplain.judges.prompt import OPENING, judge_request
from convexplain.models.calls import Calls
from convexplain.models.chat import ChatModel, Message, Reply, Request, Spend


@dataclass
class Way:
    """The cost of one way of judging, and the score of each row; a row without one is absent."""

    name: str
    rows: list[dict[str, Any]]
    scores: dict[str, float]
    spend: Spend
    seconds: float


def explained(request: Request, rubric: Rubric) -> Request:
    """The same question, answered with an explanation too."""
    names = " or ".join(f'"{label.name}"' for label in rubric.labels)
    head, separator, _ = request.messages[0].content.rpartition("\nAnswer with JSON only, ")
    assert separator
    form = f'\nAnswer with JSON only, with the keys "label" ({names}) and "explanation" (one or two sentences).'
    return replace(request, messages=(Message("user", head + form),), schema=None, max_tokens=120)


async def judged(name: str, model: ChatModel, rubric: Rubric, rows: Sequence[dict[str, Any]]) -> Way:
    async with Calls(model) as calls:

        async def one(row: dict[str, Any]) -> float | None:
            turns = Conversation(row["id"], tuple(Turn(t["role"], t["content"]) for t in row["turns"])).turns
            if name != "samples":
                if name == "no prefix cache":
                    forget(model)
                return by_probability(await calls.ask(judge_request(rubric, turns)), rubric).score
            draws = [explained(judge_request(rubric, turns, draw=i), rubric) for i in range(SAMPLES)]
            replies: list[Reply] = list(await asyncio.gather(*map(calls.ask, draws)))
            return by_samples(replies, OPENING, rubric).score

        began = time.perf_counter()
        if name == "batched":
            row_scores = await asyncio.gather(*map(one, rows))
        else:
            row_scores = [await one(row) for row in rows]
        seconds = time.perf_counter() - began
    scores = {row["id"]: score for row, score in zip(rows, row_scores, strict=True) if score is not None}
    return Way(name, list(rows), scores, calls.spend, seconds)


def forget(model: ChatModel) -> None:
    if isinstance(model, LocalModel) and model._forward is not None:
        model._forward.free()


def sample(path: Path, rubric: str, n: int) -> list[dict[str, Any]]:
    """Draw n rows; those of one dialogue stay together and in order, so that prompts share their beginnings."""
    rows = [row for row in map(json.loads, path.open(encoding="utf-8")) if rubric in row["proxy"]]
    drawn = random.Random(0).sample(range(len(rows)), min(n, len(rows)))
    return [rows[i] for i in sorted(drawn)]


def dialogue(row: dict[str, Any]) -> Any:
    """Return the dialogue that a row belongs to."""
    return row.get("meta", {}).get("dialogue", row["id"])


def without_cache(model: ChatModel) -> None:
    """llama.cpp is asked to compute each prompt whole; a local model is made to forget before each."""
    server = model._server if isinstance(model, LlamaCppModel) else model
    if isinstance(server, OpenAICompatible):
        body = server._body
        server._body = lambda *arguments: {**body(*arguments), "cache_prompt": False}  # type: ignore[method-assign]


def rho(way: Way, ids: Sequence[str], label: str) -> str:
    rows = [row for row in way.rows if row["id"] in way.scores and row["id"] in ids]
    people, scores = [row["proxy"][label] for row in rows], [way.scores[row["id"]] for row in rows]
    draws = Draws([dialogue(row) for row in rows], seed=0)
    estimate = draws.estimate(spearman(scores, people))
    interval = "" if estimate.low is None else f" [{estimate.low:+.2f}, {estimate.high:+.2f}]"
    return f"{estimate.value:+.2f}{interval} (n = {len(rows)})"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "rows",
        type=Path,
        help="JSON lines: id, turns (the last is rated), proxy {RUBRIC: 0..1}",
    )
    parser.add_argument("--judge", default="embedded", help="a local or a gguf model, or a llama.cpp server")
    parser.add_argument("--rubric", default="helpfulness")
    parser.add_argument("-n", type=int, default=200)
    parser.add_argument("--dear", type=int, help="rows for the ways that cost most; all unless given")
    options = parser.parse_args()
    rubric = load_rubric(options.rubric)
    rows = sample(options.rows, rubric.id, options.n)
    dear_rows = rows[:: max(1, len(rows) // (options.dear or len(rows)))][: options.dear]
    ways = []
    for name in ("samples", "no prefix cache", "prefix cache", "batched"):
        model = open_model(options.judge)
        await model.prepare()
        if name == "batched" and model.batch * model.in_flight == 1:
            await model.aclose()
            continue
        if name == "no prefix cache":
            without_cache(model)
        await model.chat([judge_request(rubric, [Turn("user", "Hello"), Turn("assistant", "Hello")])])  # warm
        forget(model)
        ways.append(await judged(name, model, rubric, dear_rows if name in ("samples", "no prefix cache") else rows))
        await model.aclose()
        way = ways[-1]
        n, spend = len(way.rows), way.spend
        computed = (spend.prompt_tokens - spend.prefix_tokens) / n
        print(
            f"{name:16} n = {n}, {n - len(way.scores)} unscored: {spend.calls / n:4.1f} calls, {computed:5.0f} prompt "
            f"and {spend.completion_tokens / n:5.1f} reply tokens computed, {way.seconds / n:6.2f} s a judgement",
            flush=True,
        )
    for way in ways:
        ids = [row["id"] for row in way.rows]
        same = rho(ways[-1], ids, rubric.id)
        print(f"{way.name:16} agreement {rho(way, ids, rubric.id)}, {ways[-1].name} on the same rows {same}")
        shared = [i for i in ids if i in way.scores and i in ways[-1].scores]
        apart = max((abs(way.scores[i] - ways[-1].scores[i]) for i in shared), default=float("nan"))
        print(f"{'':16} scores differ from {ways[-1].name} by {apart:.3f} at most")


if __name__ == "__main__":
    asyncio.run(main())
