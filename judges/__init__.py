"""Judges: from a rubric and a chat model to a score with its evidence."""

from .judge import SAMPLES, Judge
from .prompt import judge_request

__all__ = ["SAMPLES", "Judge", "judge_request"]
