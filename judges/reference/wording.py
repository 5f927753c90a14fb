"""A benchmark in words that a QA lead reads."""

from collections.abc import Mapping, Sequence

from convexplain.fidelity import Estimate

from .parts import Kind

WELL = 0.8
"""AUC from which on a kind of bad turns counts as read well, if its interval is above chance."""

_NAMES: dict[Kind, str] = {"off_topic": "off-topic", "repeat": "repeating"}


def reading_sentence(kinds: Mapping[Kind, Estimate]) -> str:
    """Return what a judge reads and what it misses, in one sentence.

    Args:
        kinds: for each kind of bad turns its AUC against good ones.
    """
    well, partly, missed = list[str](), list[str](), list[str]()
    for kind, estimate in kinds.items():
        above_chance = estimate.low is not None and estimate.low > 0.5
        part = missed if not above_chance else well if (estimate.value or 0.0) >= WELL else partly
        part.append(_NAMES.get(kind, kind))
    if not (well or partly or missed):
        return "No turn has a score."
    if not (well or partly):
        return "Tells no kind of bad turns from good ones."
    phrases = [f"reads {_listed(well)} turns well"] if well else []
    phrases += [f"reads {_listed(partly)} turns partly"] if partly else []
    phrases += [f"misses {_listed(missed)} ones"] if missed else []
    sentence = _listed(phrases)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _listed(words: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))
