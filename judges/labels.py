"""Label probability: from a model's token probabilities to the probability of each label.

A label may be written in several ways (case, leading space) and take several tokens, and one token may begin several
labels; the probabilities of all ways are summed along the reply's path.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convexplain.models.chat import LabelLogprobs

from .written_labels import begins_with, written_label


@dataclass(frozen=True, slots=True)
class TokenStep:
    """One position of a reply: its token, and the log-probabilities of the possible tokens there."""

    token: str
    alternatives: Mapping[str, float]


def possible_labels(text: str, labels: Sequence[str]) -> tuple[str, ...]:
    """Return the labels that a reply whose label part begins with `text` may still become.

    One label: the reply is decided. Several: the next token decides. None: the reply has no label.
    """
    text = text.lstrip().casefold()
    if not text:
        return ()
    begun = tuple(label for label in labels if label.casefold().startswith(text))
    complete = [label for label in labels if begins_with(text, label.casefold())]
    if not complete:
        return begun
    longest = max(complete, key=len)
    if begun:  # "partly " may be "partly" at its end or "partly wrong" at its middle
        return (longest, *begun) if text.rstrip() == longest.casefold() else begun
    return (longest,)


def read_path(steps: Sequence[TokenStep], labels: Sequence[str]) -> LabelLogprobs:
    """Return label log-probabilities from the steps of a reply, beginning at the label's first token.

    Beyond the first step only the path of the reply is known: a token that begins several labels and is not in the
    reply counts as no label. `bound` is the probability that lies outside the alternatives of the first step.
    """
    mass: dict[str, float] = {}
    before, on_path = "", 1.0
    for step in steps:
        goes_on = False
        for token, logprob in {step.token: -math.inf, **step.alternatives}.items():
            candidates = possible_labels(before + token, labels)
            if len(candidates) == 1:
                mass[candidates[0]] = mass.get(candidates[0], 0.0) + on_path * math.exp(logprob)
            elif candidates and token == step.token:
                goes_on = True
        if not goes_on:
            break
        before += step.token
        on_path *= math.exp(step.alternatives.get(step.token, -math.inf))
    else:  # the reply ended while several labels were possible: the completely written one counts
        written = [label for label in labels if label.casefold() == before.strip().casefold()]
        if written:
            mass[written[0]] = mass.get(written[0], 0.0) + on_path
    first = steps[0].alternatives if steps else {}
    return LabelLogprobs(
        {name: math.log(p) for name, p in mass.items() if p > 0},
        bound=max(0.0, 1.0 - sum(math.exp(logprob) for logprob in first.values())),
        alternatives=len(first),
    )


def read_reply(steps: Sequence[TokenStep], opening: str, labels: Sequence[str]) -> LabelLogprobs | None:
    """Return label log-probabilities from all steps of a reply.

    None where the reply gives no label, or more than one, or where the label's first token has no alternatives.
    """
    place = written_label("".join(step.token for step in steps), opening, labels)
    if place is None:
        return None
    offset = 0
    for i, step in enumerate(steps):
        if offset + len(step.token) > place.start:
            inside = step.token[: place.start - offset]  # the label begins inside a token, e.g. after a quotation mark
            first = TokenStep(
                step.token[len(inside) :],
                {t[len(inside) :]: p for t, p in step.alternatives.items() if t.startswith(inside)},
            )
            return read_path([first, *steps[i + 1 :]], labels) if first.alternatives else None
        offset += len(step.token)
    return None


def parse_label(text: str, opening: str, labels: Sequence[str]) -> str | None:
    """Return the label that a reply in words gives; None where it gives none, or more than one."""
    place = written_label(text, opening, labels)
    return place.labels[0] if place else None
