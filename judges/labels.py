"""Label probability: from a model's token probabilities to how probable each label is.

A label may be written in several ways (case, leading space) and take several tokens, and one token may begin several
labels; the probabilities of all ways are summed along the reply's path.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convexplain.models.chat import LabelLogprobs


@dataclass(frozen=True, slots=True)
class Step:
    """One position of a reply: the token that was taken, and the log-probabilities of the tokens seen there."""

    token: str
    alternatives: Mapping[str, float]


def matches(text: str, labels: Sequence[str]) -> tuple[str, ...]:
    """The labels that a reply whose label part begins with `text` may still become.

    One label: decided. Several: the next token decides. None: no label.
    """
    text = text.lstrip().casefold()
    if not text:
        return ()
    begun = tuple(label for label in labels if label.casefold().startswith(text))
    done = [label for label in labels if _ends(text, label.casefold())]
    if not done:
        return begun
    whole = max(done, key=len)
    if begun:  # "partly " may be "partly" at its end or "partly wrong" at its middle
        return (whole, *begun) if text.rstrip() == whole.casefold() else begun
    return (whole,)


def _ends(text: str, label: str) -> bool:
    """Whether the text is the whole label followed by something that does not go on with the word."""
    return (
        text.startswith(label)
        and len(text) > len(label)
        and not (text[len(label)].isalnum() or text[len(label)] in "_-")
    )


def read_path(steps: Sequence[Step], labels: Sequence[str]) -> LabelLogprobs:
    """Label log-probabilities from the steps of a reply, beginning at the label's first token.

    Only the path that was taken is known beyond the first step: a token that begins several labels and was not taken
    counts as no label. `bound` is what lies outside the alternatives of the first step.
    """
    mass: dict[str, float] = {}
    before, on_path = "", 1.0
    for step in steps:
        goes_on = False
        for token, logprob in {step.token: -math.inf, **step.alternatives}.items():
            candidates = matches(before + token, labels)
            if len(candidates) == 1:
                mass[candidates[0]] = mass.get(candidates[0], 0.0) + on_path * math.exp(logprob)
            elif candidates and token == step.token:
                goes_on = True
        if not goes_on:
            break
        before += step.token
        on_path *= math.exp(step.alternatives.get(step.token, -math.inf))
    else:  # the reply ended while several labels were open: the one that is written out whole was meant
        whole = [label for label in labels if label.casefold() == before.strip().casefold()]
        if whole:
            mass[whole[0]] = mass.get(whole[0], 0.0) + on_path
    first = steps[0].alternatives if steps else {}
    return LabelLogprobs(
        {name: math.log(p) for name, p in mass.items() if p > 0},
        bound=max(0.0, 1.0 - sum(math.exp(logprob) for logprob in first.values())),
        alternatives=len(first),
    )


def label_start(text: str, opening: str, labels: Sequence[str]) -> int | None:
    """Where the label stands in a reply: after the opening (white space aside), or at the start of a bare label."""
    if opening:
        pattern = r"\s*".join(re.escape(part) for part in re.findall(r"\w+|[^\w\s]", opening))
        if found := re.search(pattern, text):
            return found.end()
    bare = len(text) - len(text.lstrip(" \n\t\"'*`"))
    return bare if len(matches(text[bare:], labels)) == 1 else None


def read_reply(steps: Sequence[Step], opening: str, labels: Sequence[str]) -> LabelLogprobs | None:
    """Label log-probabilities from all the steps of a reply; None when no label position can be found in it."""
    start = label_start("".join(step.token for step in steps), opening, labels)
    if start is None:
        return None
    at = 0
    for i, step in enumerate(steps):
        if at + len(step.token) > start:
            inside = step.token[: start - at]  # the label begins inside a token, e.g. after a quotation mark
            first = Step(
                step.token[len(inside) :],
                {t[len(inside) :]: p for t, p in step.alternatives.items() if t.startswith(inside)},
            )
            return read_path([first, *steps[i + 1 :]], labels)
        at += len(step.token)
    return None


def parse_label(text: str, opening: str, labels: Sequence[str]) -> str | None:
    """The label that a reply in words gives, or None."""
    start = label_start(text, opening, labels)
    if start is None:
        return None
    rest = text[start:].lstrip().casefold()
    written = [label for label in labels if rest == label.casefold() or _ends(rest, label.casefold())]
    return max(written, key=len) if written else None
