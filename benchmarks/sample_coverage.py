"""How often the 95 % intervals of `--sample` hold the truth: many seeded samples of one log whose scores are known.

    python -m benchmarks.sample_coverage [--draws 1000]

Nothing is asked of a model: each turn's score is drawn once. The scores differ by bot, turns of one conversation are
alike, and conversations are of different length. It takes about a minute on one core.
"""

import argparse
from dataclasses import dataclass

import numpy as np

from convexplain.analysis.sampling import Population, Sample, SampleSettings
from convexplain.store.serialization import conversation_body
from convexplain.store.stratified import SampleEstimate, StratumCell, sample_mean, sample_share
from convexplain.types import Conversation, Turn, sha256_json

_THRESHOLD = 0.5
_BOTS = {"calm": (150, 8, 2), "rude": (75, 2, 2), "small": (25, 1, 3)}  # conversations, and the Beta of their scores
Scores = dict[tuple[str, int], float]


def invented_log(seed: int) -> tuple[list[Conversation], Scores]:
    """Return conversations of one to five answers, and the score of each answer by conversation and turn."""
    rng = np.random.default_rng(seed)
    conversations, scores = [], {}
    for bot, (n, good, bad) in _BOTS.items():
        for i in range(n):
            level, answers = rng.beta(good, bad), int(rng.integers(1, 6))
            turns: list[Turn] = []
            for k in range(answers):
                turns += [Turn("user", f"{bot} {i} {k}?"), Turn("assistant", f"{bot} {i} {k}.", name=bot)]
                scores[f"{bot}{i}", 2 * k + 1] = float(np.clip(level + rng.normal(0, 0.1), 0, 1))
            conversations.append(Conversation(f"{bot}{i}", tuple(turns), "invented"))
    return conversations, scores


@dataclass(frozen=True, slots=True)
class _Drawn:
    """The scores of a sample by stratum, and those of its first answers."""

    everything: list[StratumCell]
    first_answers: list[StratumCell]


def _drawn(sample: Sample, stored: dict[str, Conversation], scores: Scores) -> _Drawn:
    everything, first = [], []
    for number, stratum in enumerate(sample.design.strata):
        places = [
            (stored[digest].id, turn)
            for digest, chosen in sample.drawn.items()
            if chosen.stratum == number
            for turn in chosen.turns
        ]
        everything.append(_cell(number, stratum.turns, len(places), [scores[place] for place in places]))
        in_group = [scores[place] for place in places if place[1] == 1]
        first.append(_cell(number, stratum.turns, len(places), in_group))
    return _Drawn(everything, first)


def _cell(number: int, population: int, scored: int, scores: list[float]) -> StratumCell:
    squares, below = sum(score * score for score in scores), sum(score < _THRESHOLD for score in scores)
    return StratumCell(number, population, scored, len(scores), sum(scores), squares, below)


def coverage(size: int, fields: tuple[str, ...], draws: int) -> dict[str, tuple[float, float]]:
    """Return for each figure the share of draws whose interval holds the truth, and the mean width of the intervals."""
    conversations, scores = invented_log(0)
    stored = {sha256_json(conversation_body(conversation)): conversation for conversation in conversations}
    values = np.array(list(scores.values()))
    first = np.array([score for (_, turn), score in scores.items() if turn == 1])
    truth = {"mean": values.mean(), "share below": (values < _THRESHOLD).mean(), "mean of first answers": first.mean()}
    held, widths = dict.fromkeys(truth, 0), dict.fromkeys(truth, 0.0)
    for seed in range(draws):
        population = Population(SampleSettings(size, fields, seed), frozenset({"turn"}), "all")
        for conversation in conversations:
            population.add(conversation)
        drawn = _drawn(population.draw(), stored, scores)
        estimates: dict[str, SampleEstimate | None] = {
            "mean": sample_mean(drawn.everything),
            "share below": sample_share(drawn.everything),
            "mean of first answers": sample_mean(drawn.first_answers),
        }
        for name, estimate in estimates.items():
            assert estimate is not None
            assert estimate.interval is not None
            low, high = estimate.interval
            held[name] += low <= truth[name] <= high
            widths[name] += high - low
    return {name: (held[name] / draws, widths[name] / draws) for name in truth}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=1000)
    draws = parser.parse_args().draws
    conversations, scores = invented_log(0)
    print(f"{len(scores):,} turns in {len(conversations):,} conversations, {draws:,} draws of each kind")
    print("| sample | strata | figure | held | mean width |\n|---|---|---|---|---|")
    for size, fields in ((100, ()), (100, ("bot",)), (300, ("bot",))):
        for name, (held, width) in coverage(size, fields, draws).items():
            print(f"| {size} | {', '.join(fields) or 'none'} | {name} | {100 * held:.1f} % | {width:.3f} |", flush=True)


if __name__ == "__main__":
    main()
