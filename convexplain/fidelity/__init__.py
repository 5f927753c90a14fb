"""How good explanations are: the properties of contrasts that the papers measure, each with its uncertainty."""

from .contrasts import ContrastRow, ContrastTable, contrast_row, contrast_table
from .edits import Embed, content_preservation, edit_distance, edit_rate
from .estimates import Estimate, mean, proportion

__all__ = [
    "ContrastRow",
    "ContrastTable",
    "Embed",
    "Estimate",
    "content_preservation",
    "contrast_row",
    "contrast_table",
    "edit_distance",
    "edit_rate",
    "mean",
    "proportion",
]
