"""Is an attribution faithful? Removes what it puts first, and looks how far the value falls."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from .fidelity.curves import HALF, area, cumulative, curve
from .fidelity.responses import bleu, divergence, probability_ratio, rouge_l
from .turn_values import Scalar, TurnValues
from .types import Conversation, Unit

K = 3  # units of PR@k and KL@k


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """How faithful an order of the units is. What could not be measured is None.

    Attributes:
        aupc: mean fall of the value while the first units are removed, up to half of the words. Higher is better.
        deletion: the same, up to all of the words.
        insertion: mean fall of the value while only the first units are there, up to all of the words. Lower is better.
        pr: probability of the most probable label without the first k units, by that before. Lower is better.
        kl: KL divergence of the labels' probabilities without the first k units, in nats. Higher is better.
        bleu, rouge_l: of the response without the first k units, against that before, in [0, 1]; None where the logged
            response is kept. Lower is better.
    """

    aupc: float | None
    deletion: float | None
    insertion: float | None
    pr: float | None
    kl: float | None
    bleu: float | None
    rouge_l: float | None


async def faithfulness(
    values: TurnValues,
    units: Sequence[Unit],
    orders: Mapping[str, Sequence[int]],
    side: int,
    k: int = K,
    *,
    whole: bool = False,
) -> dict[str, Faithfulness]:
    """Measures several orders of the same units; everything is evaluated at once, and what they share once.

    Args:
        values: the value of the conversation without some units.
        units: of one level.
        orders: a name to an order of all the units, the most important first.
        side: 1 where the units are explained that raise the value, -1 where those are that lower it.
        k: units that are removed for `pr`, `kl`, `bleu` and `rouge_l`.
        whole: measure `deletion` and `insertion` as well, which takes about four times as many evaluations.
    """
    everything = frozenset(range(len(units)))
    sizes = [len(unit.of(values.conversation.turns[unit.turn].content).split()) for unit in units]
    wanted: dict[frozenset[int], None] = {frozenset(): None}
    for order in orders.values():
        wanted |= dict.fromkeys([*cumulative(order, sizes, HALF), frozenset(order[:k])])
        if whole:
            falling = cumulative(order, sizes)
            wanted |= dict.fromkeys([*falling, *(everything - some for some in falling)])
    found = dict(
        zip(wanted, await values.measured([frozenset(units[i] for i in some) for some in wanted]), strict=True)
    )
    return {name: _one(order, sizes, found, side, k, values) for name, order in orders.items()}


def _one(
    order: Sequence[int],
    sizes: Sequence[int],
    found: Mapping[frozenset[int], Scalar],
    side: int,
    k: int,
    values: TurnValues,
) -> Faithfulness:
    full = found[frozenset()]
    if full.value is None or not order:
        return Faithfulness(*(None,) * 7)
    whole = full.value

    def fall(sets: Sequence[frozenset[int]], until: float) -> float | None:
        if any(some not in found for some in sets):
            return None
        return area(curve(sets, sizes, whole, [found[some].value for some in sets], side), until)

    falling, everything = cumulative(order, sizes), frozenset(order)
    # What is there grows from nothing, so a curve over what is missing is read from its end.
    missing = [*(everything - some for some in reversed(falling)), everything]
    first = found[frozenset(order[:k])]
    answered = values.scalarizer.question == "regenerate" and bool(first.response) and bool(full.response)
    return Faithfulness(
        aupc=fall(cumulative(order, sizes, HALF), HALF),
        deletion=fall(falling, 1.0),
        insertion=fall(missing, 1.0),
        pr=probability_ratio(first.labels, full.labels),
        kl=divergence(first.labels, full.labels),
        bleu=bleu(full.response, first.response) if answered else None,
        rouge_l=rouge_l(full.response, first.response) if answered else None,
    )


def baselines(conversation: Conversation, units: Sequence[Unit], seed: int = 0) -> dict[str, list[int]]:
    """Orders that look at no score: at random, by length (the longest first), by place (the last one first)."""
    sizes = [len(unit.of(conversation.turns[unit.turn].content).split()) for unit in units]
    every = range(len(units))
    return {
        "random": [int(i) for i in np.random.default_rng(seed).permutation(len(units))],
        "length": sorted(every, key=lambda i: -sizes[i]),
        "position": sorted(every, reverse=True),
    }
