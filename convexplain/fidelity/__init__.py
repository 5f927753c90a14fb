"""Measures of explanations: those of the papers for contrasts and attributions, each with its uncertainty."""

from .contrasts import ContrastMeasures, ContrastTable, contrast_measures, contrast_table
from .curves import Curve, area, cumulative, curve, ranked
from .edits import Embed, content_preservation, edit_distance, edit_rate
from .estimates import Estimate, mean, proportion
from .responses import bleu, divergence, probability_ratio, rank_correlation, rouge_l, stability

__all__ = [
    "ContrastMeasures",
    "ContrastTable",
    "Curve",
    "Embed",
    "Estimate",
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
    "mean",
    "probability_ratio",
    "proportion",
    "rank_correlation",
    "ranked",
    "rouge_l",
    "stability",
]
