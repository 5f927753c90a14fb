"""What a run keeps of its scores where the endpoint fails: `FaultServer` with all its faults at once.

    python benchmarks/faults.py [--share 0.3] [--seeds 1 2 3] [--json FILE]

Judges 96 turns on three maxims (288 judgements) at a server that fails at that share of all requests, in equal parts
with each fault of requests and of prompts, once for each seed, and once without faults. Time-out 1 s, 16 calls at once.
Prints the share that is scored of what can be scored (all but the turns whose prompt is too long for the server, or
refused by its content filter), how many scores differ from those without faults, the calls that were repeated, the time
against that without faults, and the reasons of what has no score.

Then the account runs out in the middle of a run: how many requests are sent after that, and what the same analysis
asks again once it is paid.
"""

import argparse
import json
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from convexplain import Conversation, Turn, Workspace
from convexplain.connectors.fault_server import FaultServer
from convexplain.errors import UnavailableError
from convexplain.types import Judgement
from convexplain.workspace import AnalyzedRun

RUBRICS = ("helpfulness", "harm", "manner_1")
TURNS = 96
SECONDS = 0.02  # an answer takes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--share", type=float, default=0.3, help="the share of requests that fail")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--json", type=Path, help="a file for the figures")
    options = parser.parse_args()
    plain = measure(0.0, 0, None)
    print(f"without faults: {plain['scored']} of {plain['judgements']} scored in {plain['seconds']:.1f} s")
    results = [measure(options.share, seed, plain) for seed in options.seeds]
    for result in results:
        show(result, plain)
    paid = measure_account()
    print(
        f"account empty after {paid['answered']} answers: {paid['after']} further requests, "
        f"the run stopped with: {paid['reason']}\n  once paid: {paid['scored']} of {paid['judgements']} scored, "
        f"{paid['asked']} requests"
    )
    if options.json:
        figures = [{k: v for k, v in result.items() if k != "scores"} for result in (plain, *results, paid)]
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


def conversations() -> list[Conversation]:
    """Return conversations of one turn each, half of them bad."""
    talks = []
    for i in range(TURNS):
        answer = f"That is a bad question {i}." if i % 2 else f"Parcel {i} left on Monday and arrives tomorrow."
        talks.append(Conversation(f"c{i}", (Turn("user", f"Where is parcel {i}?"), Turn("assistant", answer))))
    return talks


def analyze(server: FaultServer, workspace: Workspace) -> tuple[AnalyzedRun, float]:
    began = time.perf_counter()
    judge = f"{server.url}?model=stub&timeout=1&in_flight=16"
    run = workspace.analyze(conversations(), RUBRICS, judge, reasons="none")
    return run, time.perf_counter() - began


def place(judgement: Judgement) -> tuple[str, str]:
    return judgement.conversation_id, judgement.rubric


def measure(share: float, seed: int, plain: dict[str, Any] | None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, FaultServer(share, seed=seed, seconds=SECONDS) as server:
        run, seconds = analyze(server, Workspace(Path(folder) / "runs.db"))
        judgements = [judgement for _, judgement in run.store.judgements(run.id)]
        spend = run.run.spend
    scores = {place(judgement): judgement.score for judgement in judgements if judgement.score is not None}
    reasons = Counter(str(judgement.reason) for judgement in judgements if judgement.score is None)
    refused = sum(count for reason, count in reasons.items() if "content filter" in reason or "window" in reason)
    differ = sum(abs(score - plain["scores"][key]) > 1e-9 for key, score in scores.items()) if plain else 0
    return {
        "share": share,
        "seed": seed,
        "judgements": len(judgements),
        "scored": len(scores),
        "possible": len(judgements) - refused,
        "differ": differ,
        "retries": spend.retries,
        "requests": len(server.prompts),
        "faults": {name: count for name, count in sorted(server.sent.items()) if name},
        "seconds": seconds,
        "reasons": dict(reasons),
        "scores": scores,
    }


def show(result: dict[str, Any], plain: dict[str, Any]) -> None:
    print(
        f"seed {result['seed']}, {result['share']:.0%} faults: {result['scored']} of {result['possible']} that can be "
        f"scored ({result['scored'] / result['possible']:.1%}), {result['differ']} differ; {result['retries']} retries "
        f"in {result['requests']} requests; {result['seconds']:.1f} s, {result['seconds'] / plain['seconds']:.1f} times"
    )
    for reason, count in Counter(result["reasons"]).most_common():
        print(f"  {count} without a score: {reason[:160]}")


def measure_account() -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, FaultServer(seconds=SECONDS) as server:
        workspace = Workspace(Path(folder) / "runs.db")
        server.next_faults = [""] * 100 + ["quota"]
        reason = ""
        try:
            analyze(server, workspace)
        except UnavailableError as error:
            reason = str(error)
        before, answered = len(server.prompts), server.sent[""]
        server.account = ""
        run, _ = analyze(server, workspace)
        judgements = [judgement for _, judgement in run.store.judgements(run.id)]
    return {
        "answered": answered,
        "after": before - answered,
        "reason": reason,
        "asked": len(server.prompts) - before,
        "judgements": len(judgements),
        "scored": sum(judgement.score is not None for judgement in judgements),
    }


if __name__ == "__main__":
    main()
