"""Measures of explanations: those of the papers for contrasts and attributions, each with its uncertainty."""

from .comparisons import Favourability, favourability
from .contrasts import ContrastMeasures, ContrastTable, contrast_measures, contrast_table
from .curves import Curve, area, cumulative, curve, ranked
from .edits import Embed, content_preservation, edit_distance, edit_rate
from .estimates import Estimate, mean, proportion
from .responses import (
    RougeL,
    bleu,
    divergence,
    probability_ratio,
    rank_correlation,
    reply_divergence,
    reply_probability_ratio,
    rouge_l,
    rouge_l_parts,
    stability,
)

__all__ = [
    "ContrastMeasures",
    "ContrastTable",
    "Curve",
    "Embed",
    "Estimate",
    "Favourability",
    "RougeL",
    "area",
    "bleu",
    "content_preservation",
    "contrast_measures",
    "contrast_table",
    "cumulative",
    "curve",
    "divergence",
    "edit_distance",
    "edit_rate",
    "favourability",
    "mean",
    "probability_ratio",
    "proportion",
    "rank_correlation",
    "ranked",
    "reply_divergence",
    "reply_probability_ratio",
    "rouge_l",
    "rouge_l_parts",
    "stability",
]
