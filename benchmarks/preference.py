"""Preference between two answers by a chat model (`preference:chat`), on the reporting half of the reference set.

    python benchmarks/preference.py --model 'small?head=none' --db preference.db -n 24

Pairs of a good and a bad reply to the same question, one of a scenario: bad ones are wrong, evasive, off topic or say
too little, in turn. Labels are the authors'; good and bad replies are about equally long. Prints how often the good
reply is preferred: in both orders together, as the score takes it, and in each place alone, which shows how far the
model favours a place. 0.5 = chance; intervals are 95 %.
"""

import argparse
import asyncio
from collections.abc import Iterator, Sequence

from convexplain.connectors.models import open_model
from convexplain.fidelity import proportion
from convexplain.judges.label_choice import LabelChoice
from convexplain.judges.preference import ChatPreference
from convexplain.judges.reference.parts import shipped_scenarios
from convexplain.judges.reference.reference_set import halves
from convexplain.models.calls import Calls
from convexplain.store import RunStore

KINDS = ("wrong", "evasive", "off_topic", "thin")


def pairs(n: int) -> Iterator[tuple[str, str, str, str]]:
    """Yield at most n questions with a good reply, a bad one, and what is wrong with it."""
    scenarios = shipped_scenarios()
    half = halves(scenarios)
    yielded = 0
    for scenario in scenarios:
        if half[scenario.id] != "reporting":
            continue
        kind = KINDS[yielded % len(KINDS)]
        slots = scenario.rows[0]
        for exchange in scenario.exchanges:
            bad = [reply for reply in exchange.bad if reply.kind == kind]
            if bad and yielded < n:
                texts = (exchange.user, exchange.good[0].text, bad[0].text)
                question, good, worse = (text.format_map(slots) for text in texts)
                yielded += 1
                yield question, good, worse, kind
                break


class Recorded(LabelChoice):
    """A choice that remembers the probability of A in each question."""

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        self.shares: list[float] = []

    def probabilities(self, prompts: Sequence[str], labels: Sequence[str]) -> list[dict[str, float] | None]:
        """Return the probabilities, and remember those of A."""
        chosen = super().probabilities(prompts, labels)
        self.shares += [float("nan") if each is None else each["A"] for each in chosen]
        return chosen


def share(wins: list[bool]) -> str:
    """Return a share as it is printed."""
    estimate = proportion(sum(wins), len(wins))
    return f"{estimate.value:.2f} [{estimate.low:.2f}, {estimate.high:.2f}], n = {estimate.n}"


async def main() -> None:
    """Print the shares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="small?head=none", help="the chat model that compares two answers")
    parser.add_argument("--db", required=True, help="run store that keeps the replies")
    parser.add_argument("-n", type=int, default=24, help="pairs, at most 36")
    options = parser.parse_args()
    model, both, as_a, as_b = open_model(options.model), [], [], []
    await model.prepare()
    async with Calls(model, RunStore(options.db)) as calls:
        for question, good, bad, kind in pairs(options.n):
            choice = Recorded(calls)
            (score,) = await asyncio.to_thread(ChatPreference(choice), question, good, [("", bad)])
            first, second = choice.shares
            print(f"  {kind:10} g = {score:+.2f}   P(good) {first:.2f} as A, {1 - second:.2f} as B", flush=True)
            both.append(score is not None and score > 0)
            as_a.append(first > 0.5)
            as_b.append(second < 0.5)
    await model.aclose()
    print(f"both orders {share(both)}\ngood as A   {share(as_a)}\ngood as B   {share(as_b)}")


if __name__ == "__main__":
    asyncio.run(main())
