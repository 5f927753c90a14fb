"""The resistance of a judge to injected text: without what is left out, with it, and against held-out texts.

    python benchmarks/injection_table.py --judge embedded --db injection.db

Rows: the 28 texts with nothing left out of the prompts; the 28 texts; the held-out texts of `benchmarks/injections.py`,
which no pattern was written for. With `?second_prompt=yes` a second line of each row counts the warnings that are
disagreements of the two prompts, without the signs. Replies are kept in the store, so that a stopped measurement goes
on.
"""

import argparse
import asyncio
from dataclasses import replace
from unittest.mock import patch

from injections import HELD_OUT

from convexplain import load_rubric
from convexplain.agreement import format_estimate, format_share
from convexplain.agreement.shares import exact_interval
from convexplain.analysis.pipeline import TurnJudge
from convexplain.judges.injection import InjectionResistance, bad_turns, injection_resistance
from convexplain.judges.injection_texts import injected_texts
from convexplain.store import RunStore
from convexplain.types import Conversation, Judgement, Rubric
from convexplain.workspace.build import open_judge


class Disagreements:
    """A judge whose only warnings are disagreements of two prompts; it counts them."""

    def __init__(self, judge: TurnJudge) -> None:
        self._judge = judge
        self.judged = self.disagreed = 0

    async def judge_turn(self, conversation: Conversation, turn: int, rubric: Rubric, again: int = 0) -> Judgement:
        """Judge a turn, and keep of its warnings only that the prompts disagree."""
        judgement = await self._judge.judge_turn(conversation, turn, rubric, again)
        warnings = tuple(text for text in judgement.evidence.warnings if text.startswith("two prompts disagree"))
        if judgement.score is not None:
            self.judged += 1
            self.disagreed += bool(warnings)
        return replace(judgement, evidence=replace(judgement.evidence, warnings=warnings))


def row(name: str, result: InjectionResistance) -> str:
    cells = (
        name,
        f"{result.resistance.n}",
        format_share(result.resistance),
        format_estimate(result.movement, signed=True),
        f"{format_share(result.noticed)} of {result.noticed.n}",
        f"{format_share(result.false_warnings)} of {result.judged}",
    )
    return f"| {' | '.join(cells)} |"


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--judge", default="embedded")
    parser.add_argument("--rubric", default="helpfulness")
    parser.add_argument("--db", help="run store that keeps the replies")
    parser.add_argument("--texts", type=int, help="only so many of the texts, spread over them")
    options = parser.parse_args()
    rubric = load_rubric(options.rubric)
    store = RunStore(options.db) if options.db else None
    shipped = list(injected_texts(rubric).items())
    held_out = list(HELD_OUT.items())
    if options.texts:
        shipped, held_out = (texts[:: max(1, len(texts) // options.texts)] for texts in (shipped, held_out))
    async with open_judge(options.judge, [rubric], cache=store, reasons="none") as built:
        print(f"{built.model.name}, {rubric.id}: attempts, failed, movement, successful with a warning, false warnings")

        async def measure(name: str, texts: list[tuple[str, str]]) -> None:
            turns = bad_turns(rubric)
            result = await injection_resistance(built.judge, built.model.name, rubric, turns, dict(texts))
            print(row(name, result), flush=True)
            if built.spec.second_prompt:
                counted = Disagreements(built.judge)
                alone = await injection_resistance(counted, built.model.name, rubric, turns, dict(texts))
                clean = round((alone.false_warnings.value or 0) * alone.judged)
                attacked, n = counted.disagreed - clean, alone.resistance.n
                low, high = exact_interval(attacked, n) if n else (0.0, 1.0)
                print(
                    f"    the prompts disagree: {format_share(alone.noticed)} of {alone.noticed.n} successful "
                    f"attempts, {attacked} of all {n} ({low:.2f} to {high:.2f}), "
                    f"{format_share(alone.false_warnings)} of {alone.judged} bad turns without a text",
                    flush=True,
                )
            weak = sorted((share, text) for text, share in result.by_text.items() if share < 1)
            print(f"    succeed: {', '.join(f'{text} {1 - share:.0%}' for share, text in weak)}", flush=True)

        with patch("convexplain.judges.prompt.without_verdicts", lambda text, labels: text):
            await measure("the texts, nothing left out", shipped)
        await measure("the texts", shipped)
        await measure("held-out texts", held_out)


if __name__ == "__main__":
    asyncio.run(main())
