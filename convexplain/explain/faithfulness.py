"""The faithfulness of an attribution: how far the value falls when the units that it puts first are removed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from convexplain.fidelity.curves import HALF, area, cumulative, curve
from convexplain.fidelity.edits import Embed, content_preservation, words
from convexplain.fidelity.responses import bleu, divergence, probability_ratio, rouge_l
from convexplain.types import Conversation, Unit

from .scalarizers import Scalar, TurnValues

K = 3  # units of PR@k and KL@k


@dataclass(frozen=True, slots=True)
class Faithfulness:
    """Measures of the faithfulness of an order of the units; None where it could not be measured.

    Attributes:
        aupc: mean fall of the value while the first units are removed, up to half of the words. Higher is better.
        deletion: the same, up to all of the words.
        insertion: mean fall of the value while only the first units are there, up to all of the words. Lower is better.
        pr: probability of the most probable label without the first k units, by that before. Lower is better.
        kl: KL divergence of the labels' probabilities without the first k units, in nats. Higher is better.
        bleu, rouge_l: of the response without the first k units, against that before, in [0, 1]; None where the logged
            response is kept. Lower is better.
        embedding: cosine of the embeddings of these two responses, in [-1, 1]; None without `embed`. Lower is better.
    """

    aupc: float | None
    deletion: float | None
    insertion: float | None
    pr: float | None
    kl: float | None
    bleu: float | None
    rouge_l: float | None
    embedding: float | None


async def faithfulness(
    values: TurnValues,
    units: Sequence[Unit],
    orders: Mapping[str, Sequence[int]],
    side: int,
    k: int = K,
    *,
    complete: bool = False,
    embed: Embed | None = None,
) -> dict[str, Faithfulness]:
    """Measure several orders of the same units; all sets are evaluated at once, and shared sets once.

    Args:
        values: the value of the conversation without some units.
        units: of one level.
        orders: a name to an order of all the units, the most important first.
        side: 1 where the units are explained that raise the value, -1 where those are that lower it.
        k: units that are removed for `pr`, `kl`, `bleu` and `rouge_l`.
        complete: measure `deletion` and `insertion` as well, which takes about four times as many evaluations.
        embed: gives responses their vectors, for `embedding`.
    """
    orders = {name: _some_reply_to_the_end(order, units, values) for name, order in orders.items()}
    everything = frozenset(range(len(units)))
    sizes = [len(words(unit.of(values.conversation.turns[unit.turn].content))) for unit in units]
    sets: dict[frozenset[int], None] = {frozenset(): None}
    for order in orders.values():
        sets |= dict.fromkeys([*cumulative(order, sizes, HALF), frozenset(order[:k])])
        if complete:
            falling = cumulative(order, sizes)
            sets |= dict.fromkeys([*falling, *(everything - removed for removed in falling)])
    measured = await values.measured([frozenset(units[i] for i in removed) for removed in sets])
    scalars = dict(zip(sets, measured, strict=True))
    rows = {name: _row(order, sizes, scalars, side, k, complete) for name, order in orders.items()}
    if values.scalarizer.question == "regenerate":
        full = scalars[frozenset()]
        for name, order in orders.items():
            rows[name] = _with_responses(rows[name], full.response, scalars[frozenset(order[:k])].response, embed)
    return rows


def _some_reply_to_the_end(order: Sequence[int], units: Sequence[Unit], values: TurnValues) -> list[int]:
    """The order, in which the last unit of the reply comes last: without any of them nothing would be left to value.

    Of a judged conversation that is the last unit of the assistant's turns.
    """
    turns = values.conversation.turns
    judged = {len(turns) - 1}
    if values.scope == "conversation":
        judged = {i for i, turn in enumerate(turns) if turn.role == "assistant"}
    reply = [i for i in order if units[i].turn in judged]
    if not reply or not values.impossible(frozenset(units[i] for i in reply)):
        return list(order)
    return [*(i for i in order if i != reply[-1]), reply[-1]]


def _row(
    order: Sequence[int],
    sizes: Sequence[int],
    scalars: Mapping[frozenset[int], Scalar],
    side: int,
    k: int,
    complete: bool,
) -> Faithfulness:
    full = scalars[frozenset()].value
    if full is None or not order:
        return Faithfulness(*(None,) * 8)

    def fall(sets: Sequence[frozenset[int]], until: float) -> float | None:
        return area(curve(sets, sizes, full, [scalars[removed].value for removed in sets], side), until)

    falling, everything = cumulative(order, sizes), frozenset(order)
    # An insertion grows from nothing, so the curve over the missing units is read from its end.
    missing = [*(everything - removed for removed in reversed(falling)), everything]
    first = scalars[frozenset(order[:k])]
    return Faithfulness(
        aupc=fall(cumulative(order, sizes, HALF), HALF),
        deletion=fall(falling, 1.0) if complete else None,
        insertion=fall(missing, 1.0) if complete else None,
        pr=probability_ratio(first.labels, scalars[frozenset()].labels),
        kl=divergence(first.labels, scalars[frozenset()].labels),
        bleu=None,
        rouge_l=None,
        embedding=None,
    )


def _with_responses(row: Faithfulness, before: str, after: str, embed: Embed | None) -> Faithfulness:
    """The row, with the measures of how far the response has moved."""
    if not before or not after:
        return row
    return replace(
        row,
        bleu=bleu(before, after),
        rouge_l=rouge_l(before, after),
        embedding=content_preservation(before, after, embed) if embed else None,
    )


def baselines(conversation: Conversation, units: Sequence[Unit], seed: int = 0) -> dict[str, list[int]]:
    """Return orders that use no score: at random, by length (the longest first), by place (the last one first)."""
    sizes = [len(words(unit.of(conversation.turns[unit.turn].content))) for unit in units]
    every = range(len(units))
    return {
        "random": [int(i) for i in np.random.default_rng(seed).permutation(len(units))],
        "length": sorted(every, key=lambda i: -sizes[i]),
        "position": sorted(every, reverse=True),
    }
