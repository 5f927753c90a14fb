"""How far distributions over labels, responses and rankings have moved (XPrompt's measures, and rank correlation)."""

import math
from collections.abc import Mapping, Sequence

from rapidfuzz.distance import LCSseq

from convexplain.errors import MissingExtraError

_EDGE = 1e-12


def probability_ratio(masked: Mapping[str, float], full: Mapping[str, float]) -> float | None:
    """PR: the probability of the label that was most probable, after by before. Below 1 = the label is less sure.

    None where there are no label probabilities.
    """
    if not masked or not full:
        return None
    label = max(full, key=lambda name: full[name])
    return masked.get(label, 0.0) / full[label] if full[label] > 0 else None


def divergence(masked: Mapping[str, float], full: Mapping[str, float]) -> float | None:
    """KL(masked ‖ full) over the labels, in nats, 0 or more: 0 = the same. None where there are no probabilities."""
    if not masked or not full:
        return None
    total = sum(p * math.log(p / max(full.get(name, 0.0), _EDGE)) for name, p in masked.items() if p > 0)
    return max(0.0, total)


def rouge_l(one: str, other: str) -> float:
    """ROUGE-L's F1 over words (Lin 2004), in [0, 1]: 1 = the same words in the same order. Two empty texts have 1."""
    first, second = one.casefold().split(), other.casefold().split()
    if not first or not second:
        return float(first == second)
    shared = LCSseq.similarity(first, second)
    return 2 * shared / (len(first) + len(second))


def bleu(one: str, other: str) -> float:
    """sacreBLEU's sentence BLEU of the second text with the first as the reference, in [0, 1].

    Raises:
        MissingExtraError: sacrebleu is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise MissingExtraError("BLEU", "metrics") from error
    return float(min(1.0, BLEU(effective_order=True).sentence_score(other, [one]).score / 100))


def rank_correlation(one: Sequence[float | None], other: Sequence[float | None]) -> float | None:
    """Spearman's rank correlation of two attributions of the same units, in [-1, 1].

    Units without a score in one of them are left out. None where fewer than two are left, or one side is constant.
    """
    pairs = [(a, b) for a, b in zip(one, other, strict=True) if a is not None and b is not None]
    if len(pairs) < 2 or any(len(set(side)) < 2 for side in zip(*pairs, strict=True)):
        return None
    from scipy.stats import spearmanr  # type: ignore[import-untyped]  # takes most of a second to import

    return float(spearmanr(*zip(*pairs, strict=True)).statistic)


def stability(runs: Sequence[Sequence[float | None]]) -> float | None:
    """The mean rank correlation between every two attributions, of different seeds for example; None without any."""
    pairs = [rank_correlation(a, b) for i, a in enumerate(runs) for b in runs[:i]]
    known = [value for value in pairs if value is not None]
    return sum(known) / len(known) if known else None
