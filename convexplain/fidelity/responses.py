"""Distances of distributions over labels, of responses and of rankings (XPrompt's measures, rank correlation)."""

import math
from collections.abc import Mapping, Sequence

from rapidfuzz.distance import LCSseq

from convexplain.errors import MissingExtraError

_EDGE = 1e-12


def probability_ratio(masked: Mapping[str, float], full: Mapping[str, float]) -> float | None:
    """Return PR: the probability of the label that was most probable, after by before. Below 1 = less sure.

    None where there are no label probabilities.
    """
    if not masked or not full:
        return None
    label = max(full, key=lambda name: full[name])
    return masked.get(label, 0.0) / full[label] if full[label] > 0 else None


def divergence(masked: Mapping[str, float], full: Mapping[str, float]) -> float | None:
    """Return KL(masked ‖ full) over the labels, in nats, 0 or more: 0 = the same. None without probabilities."""
    if not masked or not full:
        return None
    total = sum(p * math.log(p / max(full.get(name, 0.0), _EDGE)) for name, p in masked.items() if p > 0)
    return max(0.0, total)


def rouge_l(first: str, second: str) -> float:
    """Return ROUGE-L's F1 over words (Lin 2004), in [0, 1]: 1 = the same words in order. Two empty texts have 1."""
    words, compared = first.casefold().split(), second.casefold().split()
    if not words or not compared:
        return float(words == compared)
    shared = LCSseq.similarity(words, compared)
    return 2 * shared / (len(words) + len(compared))


def bleu(reference: str, text: str) -> float:
    """Return sacreBLEU's sentence BLEU of the second text with the first as the reference, in [0, 1].

    Raises:
        MissingExtraError: sacrebleu is not installed.
    """
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise MissingExtraError("BLEU", "metrics") from error
    return float(min(1.0, BLEU(effective_order=True).sentence_score(text, [reference]).score / 100))


def rank_correlation(first: Sequence[float | None], second: Sequence[float | None]) -> float | None:
    """Return Spearman's rank correlation of two attributions of the same units, in [-1, 1].

    Units without a score in one of them are left out. None where fewer than two are left, or one side is constant.
    """
    pairs = [(a, b) for a, b in zip(first, second, strict=True) if a is not None and b is not None]
    if len(pairs) < 2 or any(len(set(side)) < 2 for side in zip(*pairs, strict=True)):
        return None
    from scipy.stats import spearmanr  # type: ignore[import-untyped]  # takes most of a second to import

    return float(spearmanr(*zip(*pairs, strict=True)).statistic)


def stability(runs: Sequence[Sequence[float | None]]) -> float | None:
    """Return the mean rank correlation between every two attributions, for example of different seeds; else None."""
    pairs = [rank_correlation(a, b) for i, a in enumerate(runs) for b in runs[:i]]
    correlations = [value for value in pairs if value is not None]
    return sum(correlations) / len(correlations) if correlations else None
