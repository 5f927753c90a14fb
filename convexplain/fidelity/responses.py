"""Distances of distributions over labels, of responses and of rankings (XPrompt's measures, rank correlation)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from rapidfuzz.distance import LCSseq

from convexplain.errors import MissingExtraError, UsageError

_EDGE = 1e-12


@dataclass(frozen=True, slots=True)
class RougeL:
    """ROUGE-L of a text against a reference (Lin 2004), over words in lower case; each in [0, 1], 1 = all in order.

    Attributes:
        precision: the longest common subsequence, by the words of the text.
        recall: the same, by the words of the reference.
        f1: their harmonic mean.
    """

    precision: float
    recall: float
    f1: float


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


def reply_probability_ratio(masked: Sequence[float], full: Sequence[float]) -> float | None:
    """Return PR of a reply (XPrompt, section 5.2): its probability after the masked prompt by that after the whole one.

    The probability of a reply is the geometric mean of its tokens' probabilities, as the authors' code has it: the
    plain product says more of the length of the reply than of the prompt. Below 1 = the reply has become less
    probable; the smaller, the better the explanation that was masked. None for a reply without tokens, or one that
    the whole prompt makes impossible.

    Args:
        masked: natural log-probabilities of the reply's tokens after the masked prompt.
        full: those of the same tokens after the whole prompt.

    Raises:
        UsageError: the two are not of the same length.
    """
    if len(masked) != len(full):
        raise UsageError(f"masked has {len(masked)} tokens and full {len(full)}; both are tokens of the same reply")
    if not full or math.isinf(sum(full)):
        return None
    return math.exp((sum(masked) - sum(full)) / len(full))


def reply_divergence(masked: ArrayLike, full: ArrayLike) -> float | None:
    """Return KL(masked ‖ full) of a reply's next tokens, in nats a token, 0 or more: 0 = nothing has changed.

    It is the mean, over the places of the reply, of the divergence between the distributions of the next token after
    the same beginning of the reply. The larger, the better the explanation that was masked. None without tokens.

    Args:
        masked: (tokens, vocabulary) natural log-probabilities after the masked prompt.
        full: the same after the whole prompt.

    Raises:
        UsageError: the two are not of the same shape.
    """
    after, before = np.asarray(masked, dtype=float), np.asarray(full, dtype=float)
    if after.shape != before.shape:
        raise UsageError(f"masked has the shape {after.shape} and full {before.shape}; they must be the same")
    if not after.size:
        return None
    probable = np.where(np.exp(after) > 0, after - np.maximum(before, math.log(_EDGE)), 0.0)
    return max(0.0, float((np.exp(after) * probable).sum(-1).mean()))


def rouge_l(first: str, second: str) -> float:
    """Return ROUGE-L's F1 over words (Lin 2004), in [0, 1]: 1 = the same words in order. Two empty texts have 1."""
    return rouge_l_parts(first, second).f1


def rouge_l_parts(reference: str, text: str) -> RougeL:
    """Return ROUGE-L with its precision and its recall. Two empty texts have 1, an empty one and another 0."""
    words, compared = reference.casefold().split(), text.casefold().split()
    if not words or not compared:
        return RougeL(*(float(words == compared),) * 3)
    shared = LCSseq.similarity(words, compared)
    return RougeL(shared / len(compared), shared / len(words), 2 * shared / (len(words) + len(compared)))


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
