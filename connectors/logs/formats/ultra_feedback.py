"""Several answers to one prompt, rated or ranked: UltraFeedback, Nectar, RewardBench 2, Stanford's SHP."""

from collections.abc import Mapping
from typing import Any

from convexplain.connectors.logs.engine.described import LabelField
from convexplain.connectors.logs.engine.described_answers import Answer, DescribedAnswers, scale

_QUALITIES = {"helpfulness": "helpfulness", "honesty": None, "instruction_following": None, "truthfulness": None}
_SIDES = ("chosen", "rejected")


def has_lists(record: Mapping[str, Any]) -> bool:
    """Return whether the chosen and the rejected answers are lists of texts."""
    sides = [record[side] for side in _SIDES]
    return all(isinstance(side, list) and side and isinstance(side[0], str) for side in sides)


ULTRA_FEEDBACK = DescribedAnswers(
    "ultrafeedback",
    "UltraFeedback: the answers of several models, each with GPT-4's ratings.",
    '{"instruction": "Hi", "completions": [{"model": "m", "response": "Hello", "annotations": '
    '{"helpfulness": {"Rating": "4"}}}]}',
    keys=("instruction", "completions[*].response"),
    prompt=("instruction",),
    answers=(
        Answer(
            "response",
            objects="completions[*]",
            labels=[
                LabelField(f"annotations.{name}.Rating", name, scale(1, 5), rubric)
                for name, rubric in _QUALITIES.items()
            ],
            rater="GPT-4",
        ),
    ),
).log_format()
NECTAR = DescribedAnswers(
    "nectar",
    "Nectar: the answers of several models with their ranks; the best one and the next are a pair.",
    r'{"prompt": "\n\nHuman: Hi\n\nAssistant: ", "answers": [{"answer": "Hello", "model": "m", "rank": 1}]}',
    keys=("prompt", "answers[*].answer", "answers[*].rank"),
    prompt=("prompt",),
    answers=(Answer("answer", objects="answers[*]", preferred=("rank=1", "rank=1.0")),),
).log_format()
REWARD_BENCH = DescribedAnswers(
    "reward-bench",
    "RewardBench 2: chosen and rejected answers in lists; the first of each are a pair.",
    '{"prompt": "Hi", "chosen": ["Hello"], "rejected": ["What?"]}',
    keys=("prompt", *_SIDES),
    prompt=("prompt",),
    answers=(Answer("chosen", "-chosen", preferred=True), Answer("rejected", "-rejected", preferred=False)),
    test=has_lists,
).log_format()
SHP = DescribedAnswers(
    "shp",
    "Stanford's Human Preferences: a post with two comments, a pair.",
    '{"post_id": "p1", "history": "Hi", "human_ref_A": "Hello", "human_ref_B": "What?", "labels": 1}',
    keys=("history", "human_ref_A", "human_ref_B"),
    prompt=("history",),
    answers=(
        Answer("human_ref_A", "-a", preferred=("labels=1",)),
        Answer("human_ref_B", "-b", preferred=("labels=0",)),
    ),
).log_format()
