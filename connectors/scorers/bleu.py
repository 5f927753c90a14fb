"""BLEU of prompts and responses: a score without a model."""

from convexplain.judges.scoring import BleuSumm

from .kind import ScoreKind

BLEU_SUMM = ScoreKind(
    "bleu-summ", "BLEU: prompts that are alike with responses that are not.", make=lambda target: BleuSumm()
)
