"""What the hardening against injected text costs in agreement with people, and how often two prompts disagree on chats.

    python benchmarks/hardening.py ../shared/data/conture.jsonl --judge gguf:MODEL.gguf -n 80 --db hardening.db

The same turns are judged by three prompts. *Plain*: `role: text` lines without the fence, nothing left out.
*Hardened*: the usual prompt. *Second*: the other layout of `--second-prompt`. Printed: Spearman's correlation with
people's scores and their difference, with 95 % intervals over dialogues, and the share of turns at which usual and
second prompt are on different sides of the threshold: the warnings that nobody has caused.
"""

import argparse
import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

import numpy as np
from injection import unfenced
from labelled_sets import Set, dialogue, read_set

from convexplain import Rubric, Turn, load_rubric
from convexplain.agreement import Draws, format_estimate, format_share, spearman
from convexplain.agreement.bootstrap import Floats
from convexplain.agreement.shares import share_estimate
from convexplain.judges import Judge
from convexplain.judges.prompt import judge_request
from convexplain.judges.second_prompt import second_request
from convexplain.models.calls import Calls
from convexplain.models.chat import Request
from convexplain.store import RunStore
from convexplain.workspace.build import open_judge


def plain(rubric: Rubric, turns: Sequence[Turn], **others: object) -> Request:
    return unfenced(rubric, turns)


async def scores(calls: Calls, build: Callable[..., Request], labelled_set: Set, rubric: Rubric) -> Floats:
    """Return the score of each turn; nan where it has none."""
    judge = Judge(calls, build=build)
    turns = labelled_set.source.turns
    judgements = await asyncio.gather(*(judge.judge_turn(turn.conversation, turn.turn, rubric) for turn in turns))
    return np.array([np.nan if judgement.score is None else judgement.score for judgement in judgements])


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--judge", required=True)
    parser.add_argument("-n", type=int, default=80)
    parser.add_argument("--db", help="run store that keeps the replies")
    options = parser.parse_args()
    labelled_set = read_set(options.set, options.n)
    rubric = load_rubric(labelled_set.rubric)
    store = RunStore(options.db) if options.db else None
    async with open_judge(options.judge, [rubric], cache=store, reasons="none") as built:
        hardened = await scores(built.calls, judge_request, labelled_set, rubric)
        second = await scores(built.calls, second_request, labelled_set, rubric)
        with patch("convexplain.judges.prompt.without_verdicts", lambda text, labels: text):
            unhardened = await scores(built.calls, plain, labelled_set, rubric)
        print(f"{built.model.name}, {labelled_set.name}, {rubric.id}")
    turns = labelled_set.source.turns
    scored = np.isfinite(hardened) & np.isfinite(second) & np.isfinite(unhardened)
    humans = np.array([turn.ratings[0].score for turn in turns])[scored]
    hardened, second, unhardened = hardened[scored], second[scored], unhardened[scored]
    draws = Draws([dialogue(turn.conversation) for turn, in_all in zip(turns, scored, strict=True) if in_all])
    print(f"n = {scored.sum()} turns that all three score, of {len(turns)}; {draws.groups} dialogues")
    for name, values in (("plain", unhardened), ("hardened", hardened), ("second", second)):
        print(f"  {name:20} rho {format_estimate(draws.estimate(spearman(values, humans)), signed=True)}", end="  ")
        print(f"mean score {values.mean():.2f}")
    rho_hardened, rho_plain = spearman(hardened, humans), spearman(unhardened, humans)
    difference = draws.estimate(lambda weights: rho_hardened(weights) - rho_plain(weights))
    print(f"  {'hardened − plain':20} {format_estimate(difference, signed=True)}")
    apart = (hardened < rubric.threshold) != (second < rubric.threshold)
    for name, among in (
        ("all turns", np.ones_like(apart)),
        ("scored below", hardened < rubric.threshold),
        ("scored above", hardened >= rubric.threshold),
    ):
        share = share_estimate(draws, among, apart, "there are none")
        print(f"  the prompts disagree, {name:14} {format_share(share)} of {share.n}")


if __name__ == "__main__":
    asyncio.run(main())
