"""From a rubric and a chat model to a score with its evidence."""

from .judge import SAMPLES, Judge
from .labels import Step, matches, read_path, read_reply
from .prompt import judge_request, reason_request

__all__ = ["SAMPLES", "Judge", "Step", "judge_request", "matches", "read_path", "read_reply", "reason_request"]
